"""What makes a manifest wrong: pure functions, shared by the command, the compiler and admission.

`check` judges everything that was read from files; `violations_of` one object beside others. The rules themselves stand
in lists, a module a kind: `plan.RULES`, `workflow.RULES`, `execution.RULES`.
"""

from __future__ import annotations

from compiler.rules.checking import check, violations_of

__all__ = ["check", "violations_of"]
