"""What an execution's end has to tell: what failed, what was not run, and what to do next."""

from __future__ import annotations

from hypothesis import given

from compiler.model.phases import Phase
from drplan.view import findings
from drplan.view.findings import Hint
from drplan.view.outline import Level, read
from drplan.view.tree import Page
from support.draws_views import executions_of_any_shape
from support.executions import action, execution, failed_switchover, stage, use
from support.screens import WIDE, text

CAUSE = "not run: s1.w1.a1 Failed"


def found(made, page=WIDE, **options):
    return text(findings.lines(findings.find(read(made)), page, **options))


def skipped(name, reason="UpstreamFailed", message=CAUSE):
    return action(name, Phase.SKIPPED, message, reason=reason)


def test_the_failure_comes_first_then_what_it_kept_from_running_then_what_to_do():
    assert found(failed_switchover(), hints=[Hint("drplan retry shop-execute-1", "again")]) == [
        "Failed:",
        "  ✗ s3.w1.a2 smoke-test  unexpected status code: 503",
        "Not run: 3 of 11 actions",
        "  – s3.w1.a3 close-site-a  not run: s3.w1.a2 Failed",
        "  – s4 clean-up, 2 actions  not run: s3.w1.a2 Failed",
        "Next:",
        "  drplan retry shop-execute-1  # again",
    ]


def test_there_is_nothing_to_tell_of_a_success_not_even_what_to_do_next():
    made = execution(stage("s", use("w", action("x"), skipped("y", "ConditionNotMet"), skipped("z", "NothingToUndo"))))
    assert found(made, hints=[Hint("drplan revert x", "")]) == []


def test_an_unknown_end_is_told_apart_from_a_failure():
    made = execution(stage("s", use("w", action("x", Phase.UNKNOWN, "sent, no answer"), action("y", Phase.CANCELLED))))
    assert found(made) == [
        "Unknown, may or may not have happened:",
        "  ? s1.w1.a1 x  sent, no answer",
        "Stopped:",
        "  ■ s1.w1.a2 y",
    ]


def test_different_causes_are_told_one_by_one():
    made = execution(stage("s", use("w", skipped("x"), skipped("y", message="cancelled by user"))))
    assert found(made)[1:] == [f"  – s1.w1.a1 x  {CAUSE}", "  – s1.w1.a2 y  cancelled by user"]


def test_a_stage_that_failed_without_an_action_that_did_stands_for_itself():
    made = execution(stage("s", use("w", phase=Phase.FAILED, message="lost"), phase=Phase.FAILED))
    assert found(made) == ["Failed:", "  ✗ s1.w1 w  lost"]


def test_a_long_list_is_cut_and_says_by_how_much():
    made = execution(stage("s", use("w", *(action(f"x{number}", Phase.FAILED) for number in range(20)))))
    assert len(found(made)) == 10
    assert found(made)[-1] == "  and 12 more"


def test_a_long_message_stands_below_what_it_is_about():
    made = execution(stage("s", use("w", action("x", Phase.FAILED, "word " * 60))))
    lines = found(made, Page(60))
    assert lines[1] == "  ✗ s1.w1.a1 x"
    assert len(lines) == 5
    assert lines[2].startswith("    word word")
    assert lines[4].endswith("…")


@given(executions_of_any_shape())
def test_every_bad_action_and_every_action_kept_from_running_is_found_once(made):
    outline = read(made)
    told = findings.find(outline)
    bad = [node.key for node in told.bad if node.level is Level.ACTION]
    assert bad == [each.key for each in outline.actions() if each.phase.bad or each.phase is Phase.CANCELLED]
    not_run = [each.key for node in told.not_run for each in node.walk() if each.level is Level.ACTION]
    expected = [
        each.key
        for each in outline.actions()
        if each.phase is Phase.SKIPPED and each.reason not in ("ConditionNotMet", "NothingToUndo")
    ]
    assert not_run == expected
    assert told.not_run_actions == len(expected)


def test_what_a_command_does_stands_above_it_where_the_line_is_short():
    given_hints = [Hint("drplan logs shop-execute-1 s3.w1.a2", "what it did"), Hint("drplan retry shop", "again")]
    assert found(failed_switchover(), hints=given_hints)[-2:] == [
        "  drplan logs shop-execute-1 s3.w1.a2  # what it did",
        "  drplan retry shop                    # again",
    ]
    assert found(failed_switchover(), Page(45), hints=given_hints)[-4:] == [
        "  # what it did",
        "  drplan logs shop-execute-1 s3.w1.a2",
        "  # again",
        "  drplan retry shop",
    ]
