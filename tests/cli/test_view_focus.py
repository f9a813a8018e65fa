"""An outline made to fit on a screen."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.model.phases import Phase
from drplan.view import tree
from drplan.view.focus import fit
from drplan.view.outline import Level, read
from support.draws_views import executions_of_any_shape
from support.executions import action, execution, failed_switchover, stage, use
from support.screens import ENDLESS, text


def shown(made, rows):
    return text(tree.lines(fit(read(made), rows), ENDLESS))


def many(stages, *, at):
    """Stages of three actions, of which the one at a position runs; those before it Succeeded."""

    def phase(number):
        return Phase.SUCCEEDED if number < at else Phase.RUNNING if number == at else Phase.PENDING

    return execution(
        *(
            stage(
                f"tier-{number}",
                use("w", *(action(f"x{each}", phase(number)) for each in range(3)), phase=phase(number)),
                phase=phase(number),
            )
            for number in range(stages)
        ),
        phase=Phase.RUNNING,
    )


def test_what_fits_is_left_as_it_is():
    outline = read(failed_switchover())
    assert fit(outline, 100) is not None
    assert fit(outline, 100).stages == outline.stages


def test_calm_stages_are_folded_and_the_failure_stays():
    assert shown(failed_switchover(), 11) == [
        "✓ s1 prepare (parallel, 3 actions)  Succeeded    1.6s",
        "✓ s2 database (1 action)            Succeeded    90ms",
        "✗ s3 visitors (parallel)            Failed      10.5s",
        "├─ ✗ s3.w1 move-visitors            Failed      10.5s",
        "│  ├─ ✓ s3.w1.a1 open-site-b        Succeeded    80ms  HTTP PUT succeeded with status 200",
        "│  ├─ ✗ s3.w1.a2 smoke-test         Failed      10.4s  unexpected status code: 503",
        "│  └─ – s3.w1.a3 close-site-a       Skipped            not run: s3.w1.a2 Failed",
        "└─ ✓ s3.w2 tell-people              Succeeded    30ms",
        "   ├─ ✓ s3.w2.a1 tell-operators     Succeeded    30ms  HTTP GET succeeded with status 200",
        "   └─ – s3.w2.a2 tell-customers     Skipped            when not matched: params.drill == no",
        "– s4 clean-up (2 actions)           Skipped            not run: s3.w1.a2 Failed",
    ]


def test_neighbours_of_what_runs_stay_and_the_rest_is_gathered():
    lines = shown(many(40, at=20), 12)
    assert len(lines) <= 12
    assert lines[0].startswith("✓ s1…s")
    assert lines[-1].startswith("○ s")
    assert "stages" in lines[0]
    assert any(line.startswith("✓ s20 tier-19") for line in lines)
    assert any(line.startswith("● s21 tier-20") for line in lines)
    assert any("s21.w1.a1 x0" in line for line in lines)
    assert any(line.startswith("○ s22 tier-21") for line in lines)


def test_skipped_neighbours_are_gathered_only_with_the_same_reason():
    reasons = ["not run: a"] * 3 + ["not run: b"] * 3
    made = execution(
        *(
            stage(
                f"t{index}",
                use("w", action("x", Phase.SKIPPED, why), phase=Phase.SKIPPED),
                phase=Phase.SKIPPED,
                message=why,
            )
            for index, why in enumerate(reasons)
        ),
    )
    assert shown(made, 2) == [
        "– s1…s3 3 stages  Skipped            not run: a",
        "– s4…s6 3 stages  Skipped            not run: b",
    ]


@given(executions_of_any_shape(), st.integers(1, 30))
def test_it_fits_unless_every_stage_is_unlike_its_neighbour(made, rows):
    outline = read(made)
    fewest = len(list(groupby(outline.stages, key=lambda node: (node.phase, node.phase is Phase.SKIPPED and node.why))))
    assert sum(1 for _ in fit(outline, rows).walk()) <= max(rows, _with_reasons(outline, fewest))


def _with_reasons(outline, fewest):
    """Folding may give a skipped stage without a message that of an action, so more reasons can differ."""
    return fewest + sum(stage.phase is Phase.SKIPPED and not stage.message for stage in outline.stages)


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.UNKNOWN, Phase.RUNNING])
@pytest.mark.parametrize("rows", [4, 6, 10, 20])
def test_one_action_that_matters_stays_among_a_thousand(phase, rows):
    def of(first, third):
        return phase if (first, third) == (5, 50) else Phase.SUCCEEDED

    made = execution(
        *(
            stage(
                f"tier-{first}",
                use("w", *(action(f"x{third}", of(first, third)) for third in range(100)), phase=of(first, 50)),
                phase=of(first, 50),
            )
            for first in range(10)
        ),
    )
    lines = shown(made, max(rows, 7))
    assert len(lines) <= max(rows, 7)
    assert any("s6.w1.a51 x50" in line and phase in line for line in lines)


@given(executions_of_any_shape(), st.integers(3, 40))
def test_what_is_left_has_not_changed_its_phase(made, rows):
    outline = read(made)
    phases = {node.key: node.phase for node in outline.walk()}
    for node in fit(outline, rows).walk():
        if node.level is not Level.CLUSTER:
            assert phases[node.key.partition("…")[0]] is node.phase
