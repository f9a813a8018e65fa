"""The tree of an execution: what is read, and how it is laid out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.model.names import ANNOTATION_CANCEL, ANNOTATION_PAUSE
from compiler.model.phases import Phase
from drplan.view import tree
from drplan.view.live import report
from drplan.view.outline import Level, read
from drplan.view.symbols import ASCII, UNICODE
from drplan.view.text import width
from drplan.view.tree import Page
from support.draws import execution_objects
from support.draws_views import executions_of_any_shape
from support.executions import action, execution, failed_switchover, stage, use
from support.screens import ENDLESS, WIDE, text

PAGES = st.builds(Page, st.one_of(st.none(), st.integers(40, 200)), st.sampled_from([UNICODE, ASCII]))


def shown(made, page=WIDE):
    return text(tree.lines(read(made), page))


def header(made, page=WIDE):
    return text(tree.header(read(made), page))


def test_a_failed_run_is_shown_whole():
    assert "\n".join([*header(failed_switchover()), "", *shown(failed_switchover())]) == (
        """\
✗ shop-execute-1  Failed  6 succeeded, 1 failed, 4 skipped  12.3s
  Execute of plan shop, namespace default
  Stage visitors failed: workflow default/move-visitors failed: action smoke-test failed: unexpected status code: 503

✓ s1 prepare (parallel)                  Succeeded    1.6s
├─ ✓ s1.w1 back-up                       Succeeded   210ms
│  └─ ✓ s1.w1.a1 take-backup             Succeeded   210ms  HTTP PUT succeeded with status 200
└─ ✓ s1.w2 check-standby                 Succeeded    1.6s
   ├─ ✓ s1.w2.a1 is-up                   Succeeded    40ms  HTTP GET succeeded with status 200
   └─ ✓ s1.w2.a2 is-in-step (2 retries)  Succeeded    1.5s  HTTP GET succeeded with status 200
✓ s2 database                            Succeeded    90ms
└─ ✓ s2.w1 move-database                 Succeeded    90ms
   └─ ✓ s2.w1.a1 freeze-writes           Succeeded    90ms  HTTP PUT succeeded with status 200
✗ s3 visitors (parallel)                 Failed      10.5s
├─ ✗ s3.w1 move-visitors                 Failed      10.5s
│  ├─ ✓ s3.w1.a1 open-site-b             Succeeded    80ms  HTTP PUT succeeded with status 200
│  ├─ ✗ s3.w1.a2 smoke-test              Failed      10.4s  unexpected status code: 503
│  └─ – s3.w1.a3 close-site-a            Skipped            not run: s3.w1.a2 Failed
└─ ✓ s3.w2 tell-people                   Succeeded    30ms
   ├─ ✓ s3.w2.a1 tell-operators          Succeeded    30ms  HTTP GET succeeded with status 200
   └─ – s3.w2.a2 tell-customers          Skipped            when not matched: params.drill == no
– s4 clean-up                            Skipped
└─ – s4.w1 remove                        Skipped
   ├─ – s4.w1.a1 drop-old                Skipped            not run: s3.w1.a2 Failed
   └─ – s4.w1.a2 notify                  Skipped            not run: s3.w1.a2 Failed"""
    )


@given(executions_of_any_shape(), PAGES)
def test_every_action_is_on_exactly_one_line_with_its_phase_as_a_word(made, page):
    lines = text(report(read(made), page))
    tree_of_it = text(tree.lines(read(made), page))
    for node in read(made).actions():
        found = [line for line in tree_of_it if re.search(rf"(?<![\w.]){re.escape(node.key)}(?![\w.])", line)]
        if page.width is None:
            assert len(found) == 1
            assert re.search(rf"{re.escape(node.name)}\b.*  {node.phase}\b", found[0])
        else:
            assert len(found) <= 1  # a narrow page may cut a key
    assert len(lines) >= len(tree_of_it)


@given(executions_of_any_shape(), PAGES)
def test_no_line_is_wider_than_the_page(made, page):
    if page.width is not None:
        assert max(map(width, text(report(read(made), page)))) <= page.width


@given(execution_objects(ours=True))
def test_whatever_the_schema_lets_through_can_be_shown(made):
    lines = text(report(read(made), WIDE))
    assert lines
    assert all(line.isprintable() for line in lines)


def test_a_narrow_page_puts_reasons_below_and_keeps_every_name():
    lines = shown(failed_switchover(), Page(66, UNICODE))
    at = next(index for index, line in enumerate(lines) if "s3.w1.a2 smoke-test" in line)
    assert lines[at + 1].strip("│ ") == "unexpected status code: 503"
    assert any("s3.w1.a3 close-site-a" in line for line in lines)


def test_a_long_message_of_a_failure_is_wrapped_beside_it_and_cut_at_the_third_line():
    failed = action("x", Phase.FAILED, " ".join(f"word{number}" for number in range(100)))
    lines = shown(execution(stage("s", use("w", failed, phase=Phase.FAILED), phase=Phase.FAILED)), Page(100))
    assert len(lines) == 5
    assert lines[2].index("word0") == lines[3].index("word") == lines[4].index("word")
    assert lines[4].endswith("…")


def test_a_message_that_is_not_about_a_failure_takes_one_line():
    made = execution(stage("s", use("w", action("x", message="word " * 100))))
    assert len(shown(made)) == 3
    assert shown(made)[2].endswith("…")


def test_where_lines_have_no_width_nothing_is_cut():
    message = "word " * 100
    assert message.strip() in shown(execution(stage("s", use("w", action("x", message=message)))), ENDLESS)[2]


def test_control_sequences_in_a_message_do_not_reach_the_terminal():
    made = execution(stage("s", use("w", action("x", message="\x1b[2Jgone\r\nand back"))))
    assert shown(made)[2].endswith("gone and back")


@pytest.mark.parametrize("characters", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_each_phase_has_a_symbol_of_its_own_beside_its_word(characters):
    lines = shown(execution(stage("s", use("w", *(action("x", phase) for phase in Phase)))), Page(120, characters))
    for phase, line in zip(Phase, lines[2:], strict=True):
        assert f"{characters.phases[phase]} s1.w1.a" in line
        assert phase in line
    assert len(set(characters.phases.values())) == len(Phase)


def test_ascii_is_ascii():
    lines = shown(failed_switchover(), Page(120, ASCII))
    assert all(line.isascii() for line in lines)
    assert any(line.startswith("|- x s3.w1 move-visitors") for line in lines)


def test_a_stage_says_why_only_where_no_member_says_it():
    skipped = action("x", Phase.SKIPPED, "when not matched: mode == install", reason="ConditionNotMet")
    made = execution(
        stage(
            "s",
            use("w", skipped, phase=Phase.SKIPPED, message="All actions were skipped"),
            message="All workflows skipped",
        )
    )
    assert [line.rpartition("  ")[2] for line in shown(made)] == [
        "All workflows skipped",
        "Skipped",
        "when not matched: mode == install",
    ]


def test_clusters_of_an_action_are_below_it():
    clusters = [
        {"cluster": "ns/a", "clusterID": "1", "phase": "Succeeded"},
        {"cluster": "ns/b", "clusterID": "2", "phase": "Failed", "message": "no quota"},
    ]
    lines = shown(execution(stage("s", use("w", action("x", Phase.FAILED, clusterStatuses=clusters)))))
    assert "ns/a" in lines[3]
    assert lines[4].endswith("no quota")


def test_what_runs_shows_whole_seconds_and_how_far_it_is():
    made = execution(
        stage(
            "s",
            use("w", action("x", Phase.RUNNING, startTime="2026-07-22T10:00:00Z"), phase=Phase.RUNNING),
            phase=Phase.RUNNING,
        ),
        phase=Phase.RUNNING,
        startTime="2026-07-22T10:00:00Z",
        progress="0/1",
    )
    from datetime import UTC, datetime

    outline = read(made, now=datetime(2026, 7, 22, 10, 1, 30, 700_000, tzinfo=UTC))
    assert text(tree.header(outline, WIDE))[0] == "● shop-execute-1  Running  0/1 actions  1m30s"
    assert text(tree.lines(outline, WIDE))[2].endswith("Running     1m30s")


def test_a_revert_says_what_it_reverts():
    made = execution(spec={"operationType": "Revert", "revertExecutionRef": "shop-execute-1"}, name="shop-revert-1")
    assert header(made)[1] == "  Revert of shop-execute-1, plan shop, namespace default"


@pytest.mark.parametrize(
    ("made", "remark"),
    [
        (execution(phase=Phase.RUNNING, annotations={ANNOTATION_CANCEL: "true"}), "cancel was requested"),
        (execution(phase=Phase.RUNNING, annotations={ANNOTATION_PAUSE: "true"}), "pause was requested"),
        (
            execution(phase=Phase.RUNNING, conditions=[{"type": "Paused", "status": "True", "reason": "PausedByUser"}]),
            "paused: PausedByUser",
        ),
        (
            execution(phase=Phase.RUNNING, conditions=[{"type": "Stalled", "status": "True", "message": "no runner"}]),
            "stalled: no runner",
        ),
        (execution(epoch=3), "attempt 3"),
        (execution(revertedBy={"name": "shop-revert-1", "phase": "Failed"}), "not reverted: shop-revert-1 is Failed"),
        (execution(detail={"level": "Summary"}), "part of the details (Summary)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_special_about_an_execution_is_in_its_header(made, remark):
    assert remark in header(made)[-1]


@pytest.mark.parametrize(
    "made",
    [
        execution(annotations={ANNOTATION_CANCEL: "true", ANNOTATION_PAUSE: "true"}),
        execution(phase=Phase.FAILED, conditions=[{"type": "Stalled", "status": "True", "message": "failed"}]),
        execution(detail={"level": "Full"}, epoch=1),
    ],
)
def test_what_is_over_is_not_remarked_on(made):
    assert len(header(made)) == 2


def test_keys_come_from_the_actions_else_from_the_place():
    named = stage("a", use("w", action("x", key="s7.w2.a5")))
    bare = stage("b", use("v", action("y")))
    outline = read(execution(named, bare))
    assert [node.key for node in outline.walk()] == ["s7", "s7.w2", "s7.w2.a5", "s2", "s2.w1", "s2.w1.a1"]


def test_in_a_revert_a_place_is_not_made_up():
    made = execution(stage("b", use("v")), spec={"operationType": "Revert", "revertExecutionRef": "x"})
    assert [node.key for node in read(made).walk()] == ["", ""]


def test_an_execution_of_the_older_controller_is_read():
    outline = read(
        execution(stage("s", use("w", action("x"))), phase=Phase.CANCELLED) | {"status": {"phase": "Canceled"}}
    )
    assert outline.phase is Phase.CANCELLED
    assert read({"metadata": {"name": "new"}}).phase is Phase.PENDING
    assert read({"metadata": {"name": "odd"}, "status": {"phase": "Confused"}}).phase is Phase.UNKNOWN


def test_counts_are_those_of_the_status_where_it_shows_only_a_part():
    outline = read(
        execution(stage("s", use("w", action("x", Phase.FAILED))), phase=Phase.FAILED, summary={"succeededActions": 40})
    )
    assert outline.counts == {Phase.SUCCEEDED: 40, Phase.FAILED: 1}


def test_levels_are_stages_workflows_actions_and_clusters():
    assert [node.level for node in read(execution(stage("s", use("w", action("x"))))).walk()] == list(Level)[:3]
