"""`drplan watch` on state folders, on a terminal, and on real runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from compiler.model.phases import Phase
from support.command import ROOT, drplan, manifests, start
from support.executions import action, execution, failed_switchover, stage, use
from support.http_site import Answer, Site
from support.local import QUICK, wait_until
from support.plans import http, plan, workflow
from support.plans import stage as plan_stage
from support.screens import Terminal
from support.states import keep

NAME = "shop-execute-1"


def running():
    return execution(
        stage("s", use("w", action("x", Phase.RUNNING), phase=Phase.RUNNING), phase=Phase.RUNNING), phase=Phase.RUNNING
    )


def done(phase=Phase.SUCCEEDED):
    return execution(stage("s", use("w", action("x", phase), phase=phase), phase=phase), phase=phase)


@pytest.mark.parametrize(
    ("phase", "code"),
    [(Phase.SUCCEEDED, 0), (Phase.FAILED, 2), (Phase.UNKNOWN, 2), (Phase.CANCELLED, 3)],
)
def test_the_exit_code_is_how_the_execution_ended(tmp_path, phase, code):
    keep(tmp_path, done(phase))
    called = drplan("watch", NAME, "--state", tmp_path)
    assert called.code == code
    assert f"s1.w1.a1 x      {phase}" in called.out


def test_an_execution_that_is_not_there_is_an_error(tmp_path):
    called = drplan("watch", "nosuch", "--state", tmp_path)
    assert called.code == 1
    assert "nosuch" in called.err


def test_changes_are_printed_as_they_come_until_the_end(tmp_path):
    keep(tmp_path, running())
    with start("watch", NAME, "--state", tmp_path, PYTHONUNBUFFERED="1") as watched:
        lines = [watched.stdout.readline() for _ in range(4)]
        assert "s1.w1.a1 x" in lines[3]
        assert "no engine runs this execution; go on with it: drplan resume" in watched.stdout.readline()
        keep(tmp_path, done())
        out, _ = watched.communicate(timeout=30)
    assert watched.returncode == 0
    assert [line.split()[1] for line in out.splitlines()] == ["s1.w1.a1", "s1.w1", "s1", NAME]


def test_with_json_the_output_is_the_finished_execution_and_nothing_else(tmp_path):
    keep(tmp_path, failed_switchover())
    called = drplan("watch", NAME, "--state", tmp_path, "-o", "json")
    assert called.code == 2
    assert called.json["status"]["phase"] == "Failed"
    assert "s3.w1.a2 smoke-test" in called.err
    assert drplan("watch", NAME, "--state", tmp_path, "-o", "name").out == f"{NAME}\n"
    assert drplan("watch", NAME, "--state", tmp_path, "-o", "yaml").documents == [called.json]


def test_an_interrupt_ends_the_watching_and_not_the_execution(tmp_path):
    keep(tmp_path, running())
    with start("watch", NAME, "--state", tmp_path, PYTHONUNBUFFERED="1") as watched:
        watched.stdout.readline()
        watched.send_signal(signal.SIGINT)
        _, err = watched.communicate(timeout=30)
    assert watched.returncode == 130
    assert f"stopped watching; {NAME} goes on" in err
    assert "Traceback" not in err


def test_a_terminal_gets_a_tree_that_ends_with_what_failed(tmp_path):
    keep(tmp_path, failed_switchover())
    environment = {**os.environ, "TERM": "xterm", "CI": "", "COLUMNS": "", "LINES": ""}
    with Terminal(columns=120, rows=50) as terminal:
        watched = subprocess.run(
            [sys.executable, "-m", "drplan", "watch", NAME, "--state", str(tmp_path)],
            cwd=ROOT,
            env=environment,
            stdout=terminal.file,
            check=False,
        )
        terminal.close()
    assert watched.returncode == 2
    assert "  ✗ s3.w1.a2 smoke-test  unexpected status code: 503" in terminal.lines
    assert f"drplan logs {NAME} s3.w1.a2 --state" in "".join(terminal.lines)


def test_a_real_run_is_followed_from_another_terminal_to_its_end(tmp_path):
    state = tmp_path / "state"
    with Site() as site:
        site.script("/slow", Answer(200, delay=1.0))
        site.script("/broken", Answer(404))
        folder = manifests(
            tmp_path / "plan",
            plan(plan_stage("s", "w")),
            workflow("w", http("slow", f"{site.url}/slow"), http("broken", f"{site.url}/broken"), http("after")),
        )
        with start("run", "-f", folder, "--state", state, "-o", "json") as ran:
            wait_until(lambda: site.count("/slow"))
            with start("watch", "pay-execute-1", "--state", state, "-n", "dr", **QUICK) as watched:
                out, err = watched.communicate(timeout=60)
            final, _ = ran.communicate(timeout=60)
    assert err == ""
    assert (watched.returncode, ran.returncode) == (2, 2)
    assert "no engine runs" not in out
    said = {line.split()[1]: line for line in out.splitlines() if line[2:3] == ":"}
    assert "Succeeded" in said["s1.w1.a1"]
    assert "status code" in said["s1.w1.a2"]
    assert "not run: s1.w1.a2 Failed" in said["s1.w1.a3"]
    assert json.loads(final)["status"]["phase"] == "Failed"
    shown = drplan("logs", "pay-execute-1", "broken", "--state", state, "-n", "dr").out
    assert "404" in shown
