"""`drplan logs` on state folders."""

from __future__ import annotations

import pytest

from compiler.model.phases import Phase
from support.command import drplan, start
from support.executions import action, execution, failed_switchover, stage, use
from support.local import wait_until
from support.states import keep, log

NAME = "shop-execute-1"


@pytest.fixture
def state(tmp_path):
    keep(tmp_path, failed_switchover())
    log(tmp_path, NAME, "s3.w1.a2", "2026-07-22T10:00:01.000Z s3.w1.a2 smoke-test: answered 503", "Traceback: odd")
    log(tmp_path, NAME, "s3.w1.a1", "2026-07-22T10:00:00.000Z s3.w1.a1 open-site-b: done")
    log(tmp_path, NAME, "s1.w2.a1", "2026-07-22T09:00:00.000Z s1.w2.a1: waiting")
    return tmp_path


def test_every_line_says_which_action_said_it_once_and_actions_come_in_order(state):
    called = drplan("logs", NAME, "--state", state)
    assert called.code == 0
    assert [" ".join(line.split()) for line in called.out.splitlines()] == [
        "s1.w2.a1 is-up | 2026-07-22T09:00:00.000Z waiting",
        "s3.w1.a1 open-site-b | 2026-07-22T10:00:00.000Z done",
        "s3.w1.a2 smoke-test | 2026-07-22T10:00:01.000Z answered 503",
        "s3.w1.a2 smoke-test | Traceback: odd",
    ]
    assert len({line.index("|") for line in called.out.splitlines()}) == 1


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [("s3.w1.a2", 2), ("s3.w1", 3), ("s3", 3), ("s1", 1), ("smoke-test", 2), ("move-visitors", 3), ("visitors", 3)],
)
def test_a_key_or_a_name_chooses_what_is_below_it(state, wanted, lines):
    assert len(drplan("logs", NAME, wanted, "--state", state).out.splitlines()) == lines


def test_what_is_not_there_is_an_error_that_says_where_to_look(state):
    called = drplan("logs", NAME, "s3.w1.a", "--state", state)
    assert called.code == 1
    assert f"drplan get {NAME}" in called.err
    assert drplan("logs", "nosuch", "--state", state).code == 1


def test_an_action_that_did_not_run_has_no_log_and_says_why(state):
    called = drplan("logs", NAME, "close-site-a", "--state", state)
    assert (called.code, called.out) == (0, "")
    assert "s3.w1.a3 close-site-a is Skipped: not run: s3.w1.a2 Failed" in called.err


def test_a_last_line_without_an_end_is_printed_and_control_sequences_are_not(state):
    log(state, NAME, "s1.w1.a1", "first\x1b[2J", "half", end="")
    assert drplan("logs", NAME, "s1.w1.a1", "--state", state).out.split("\n") == [
        "s1.w1.a1 take-backup | first",
        "s1.w1.a1 take-backup | half",
        "",
    ]


def test_following_prints_what_comes_and_ends_with_the_execution(tmp_path):
    running = execution(stage("s", use("w", action("x", Phase.RUNNING))), phase=Phase.RUNNING)
    keep(tmp_path, running)
    log(tmp_path, NAME, "s1.w1.a1", "one")
    with start("logs", NAME, "-f", "--state", tmp_path, PYTHONUNBUFFERED="1") as followed:
        assert followed.stdout.readline() == "s1.w1.a1 x | one\n"
        log(tmp_path, NAME, "s1.w1.a1", "two")
        assert followed.stdout.readline() == "s1.w1.a1 x | two\n"
        log(tmp_path, NAME, "s1.w1.a1", "three", end="")
        assert followed.poll() is None
        keep(tmp_path, execution(stage("s", use("w", action("x")))))
        assert followed.stdout.readline() == "s1.w1.a1 x | three\n"
        wait_until(lambda: followed.poll() is not None)
        assert followed.returncode == 0
