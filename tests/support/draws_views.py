"""Hypothesis strategies for what views show: executions of any shape with names that tell their actions apart."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from compiler.model.phases import Phase, Reason
from support import executions

MESSAGES = st.text(st.characters(exclude_characters="saw"), max_size=80)
"""Any text that holds no key."""

PHASES = st.sampled_from(list(Phase))
DURATIONS = st.sampled_from(["", "40ms", "12.4s", "1m30s", "27h0m0s"])
REASONS = st.sampled_from(["", *(reason.value for reason in Reason)])


@st.composite
def executions_of_any_shape(draw: st.DrawFn, most: int = 4) -> dict[str, Any]:
    """Draw an execution; names of its members hold their places, so that each is there only once."""
    shape = draw(st.lists(st.lists(st.integers(0, most), max_size=most), max_size=most))
    stages = [
        executions.stage(
            f"Stage-{first}",
            *(
                executions.use(
                    f"Use-{first}-{second}",
                    *(draw(_action(f"Act-{first}-{second}-{third}")) for third in range(actions)),
                    phase=draw(PHASES),
                    message=draw(MESSAGES),
                )
                for second, actions in enumerate(uses)
            ),
            phase=draw(PHASES),
            message=draw(MESSAGES),
            parallel=draw(st.booleans()),
        )
        for first, uses in enumerate(shape)
    ]
    return executions.execution(*stages, phase=draw(PHASES), message=draw(MESSAGES), duration=draw(DURATIONS))


@st.composite
def _action(draw: st.DrawFn, name: str) -> dict[str, Any]:
    fields = {"reason": draw(REASONS), "duration": draw(DURATIONS), "retryCount": draw(st.integers(0, 3))}
    return executions.action(name, draw(PHASES), draw(MESSAGES), **fields)
