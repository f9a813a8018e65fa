"""How executions are named that were given no name: by their plan, what they do, and a number."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.model.phases import OperationType


def next_name(plan: str, operation: OperationType, taken: Iterable[str]) -> str:
    """The next free name for an execution of a plan: `<plan>-execute-<n>`, or `<plan>-revert-<n>`.

    Args:
        plan: name of the plan.
        operation: what the execution does.
        taken: names of the executions that there are and that the history of the plan tells of.
    """
    start = f"{plan}-{operation.lower()}-"
    numbers = [name.removeprefix(start) for name in taken if name.startswith(start)]
    return f"{start}{1 + max((int(number) for number in numbers if number.isdecimal()), default=0)}"
