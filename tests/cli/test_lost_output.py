"""A reader that goes away, a full disk, a terminal that hangs up: a run goes on, and nothing shows a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import StringIO

import pytest

from drplan.view.lenient import Lenient
from drplan.view.live import PlainLines, Unfailing
from drplan.view.terminal import Screen
from support.command import ROOT, manifests
from support.executions import execution
from support.http_site import Answer, Site
from support.local import QUICK, stored
from support.plans import http, plan, stage, workflow

pytestmark = pytest.mark.long


@pytest.fixture
def site():
    with Site() as site:
        yield site


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def folder(tmp_path, site):
    site.script("/b", Answer(200, delay=0.5))
    calls = [http(name, f"{site.url}/{name}", method="POST") for name in "abc"]
    return manifests(
        tmp_path / "plan",
        plan(stage("s", "w"), stage("t", "w2")),
        workflow("w", *calls[:2]),
        workflow("w2", *calls),
    )


def shell(line, *arguments):
    """Start a line of bash that calls drplan with arguments as "$@"."""
    called = [sys.executable, "-m", "drplan", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}", "bash", *called],
        cwd=ROOT,
        env={**os.environ, **QUICK},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "line",
    [
        '"$@" | head -1',
        '"$@" -o json 2>&1 >/dev/null | head -c1',
        '"$@" > /dev/full',
        '"$@" >&-',
        '"$@" <&- >&- 2>&-',
    ],
)
def test_a_run_that_nobody_can_watch_goes_on_to_its_end(line, folder, site, state):
    ran = shell(line, "run", "-f", folder, "--state", state)
    assert stored(state, "pay-execute-1")["status"]["phase"] == "Succeeded"
    assert site.count() == 5
    assert ran.returncode == 0
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "Exception ignored" not in ran.stderr


def test_a_run_that_nobody_can_watch_exits_as_it_ended(folder, site, state):
    site.script("/c", Answer(404))
    assert shell('"$@" > /dev/full 2>&1', "run", "-f", folder, "--state", state).returncode == 2


def test_a_run_outlives_its_terminal(folder, site, state):
    reading, writing = os.pipe()
    started = subprocess.Popen(
        [sys.executable, "-m", "drplan", "run", "-f", str(folder), "--state", str(state)],
        cwd=ROOT,
        env={**os.environ, **QUICK},
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    site.wait_for(1, "/b")
    os.close(reading)
    started.send_signal(signal.SIGHUP)
    assert started.wait(60) == 0
    assert stored(state, "pay-execute-1")["status"]["phase"] == "Succeeded"
    assert site.count() == 5


@pytest.mark.parametrize("command", ["get", "compile", "validate", "graph", "--help"])
def test_a_command_that_only_shows_says_that_it_cannot(command, folder, state):
    state.mkdir()
    arguments = {"get": ["get", "-o", "json", "--state", state], "--help": ["--help"]}
    full = shell('"$@" > /dev/full', *arguments.get(command, [command, "-f", folder]))
    assert full.returncode == 4
    assert full.stderr.splitlines()[-1] == "cannot write the output: No space left on device"
    assert "Traceback" not in full.stderr
    assert "Exception ignored" not in full.stderr


def test_a_command_that_only_shows_ends_quietly_when_its_reader_has_enough(folder):
    done = shell('"$@" | head -c1', "compile", "-q", "-f", folder)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_command_that_only_shows_runs_without_standard_output(folder):
    done = shell('"$@" >&-', "compile", "-q", "-f", folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_problem_that_nobody_can_read_still_has_its_exit_code(state):
    assert shell('"$@" 2> /dev/full', "get", "nosuch", "--state", state).returncode == 1
    assert shell('"$@" 2> /dev/full', "get", "--nosuch").returncode == 1


class Broken(StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "gone")


def test_a_stream_that_is_gone_takes_everything():
    stream = Lenient(Broken())
    assert stream.write("text") == 4
    stream.flush()
    assert not stream.isatty()


def test_a_view_that_fails_is_turned_off_and_says_why():
    with Unfailing(PlainLines(Screen.of(Broken()))) as view:
        view.update(execution())
        view.update(execution())
    assert str(view.problem) == "[Errno 5] gone"
