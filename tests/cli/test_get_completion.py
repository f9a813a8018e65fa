"""Completion: what a shell, or kubectl, offers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from drplan.cli import COMMANDS
from drplan.cli.completion import candidates
from support.command import ROOT, drplan
from support.executions import execution
from support.states import keep, keep_plan, log


@pytest.fixture
def state(tmp_path):
    keep(tmp_path, execution(name="shop-execute-1"), execution(name="web-execute-1"))
    keep_plan(tmp_path, "shop")
    keep_plan(tmp_path, "web")
    log(tmp_path, "shop-execute-1", "s1.w1.a1", "x")
    return tmp_path


def words(*arguments, state=None):
    where = ["--state", str(state)] if state else []
    *before, incomplete = arguments
    lines = candidates([*before, *where], incomplete).splitlines()
    return [line.partition("\t")[0] for line in lines[:-1]], lines[-1]


def test_every_command_is_offered_with_its_help(state):
    lines = candidates([], "").splitlines()
    assert [line.partition("\t")[0] for line in lines] == [*sorted(COMMANDS), ":4"]
    assert all(line.partition("\t")[2] for line in lines[:-1])


@pytest.mark.parametrize(
    ("arguments", "offered"),
    [
        (["get", ""], ["shop-execute-1", "web-execute-1"]),
        (["get", "shop-execute-1", ""], ["web-execute-1"]),
        (["watch", "we"], ["web-execute-1"]),
        (["logs", "shop-execute-1", ""], ["s1.w1.a1"]),
        (["logs", "nosuch", ""], []),
        (["history", ""], ["shop", "web"]),
        (["diff", "--against", "s"], ["shop-execute-1"]),
        (["graph", "--revert", ""], ["shop-execute-1", "web-execute-1"]),
        (["get", "-o", ""], ["tree", "wide", "json", "yaml", "name"]),
    ],
)
def test_names_come_from_the_state_folder(state, arguments, offered):
    name, *others = arguments
    assert words(name, "--state", str(state), *others) == (offered, ":4")


def test_a_state_folder_that_is_not_there_offers_nothing(tmp_path):
    assert words("get", "--state", str(tmp_path / "none"), "") == ([], ":4")


def test_where_a_file_is_wanted_the_shell_may_offer_files():
    assert words("graph", "-f", "")[1] == ":0"


def completing(*arguments, code="from drplan.cli.completion import main; main()"):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_kubectl_gets_candidates_and_a_directive(state):
    assert completing("get", "--state", state, "sh") == "shop-execute-1\n:4\n"
    assert completing().endswith(":4\n")


def test_completing_imports_nothing_heavy(state):
    code = (
        "import sys; from drplan.cli.completion import main; main(); "
        "print(*sorted({'hera', 'kubernetes', 'pydantic', 'rich', 'yaml', 'aiohttp', 'msgspec'} & {*sys.modules}))"
    )
    assert completing("get", "--state", state, "", code=code).splitlines()[-1] == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell):
    called = drplan("completion", shell)
    assert called.code == 0
    assert "_DRPLAN_COMPLETE" in called.out


def test_without_a_shell_it_is_the_one_that_is_used(monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert drplan("completion").out == drplan("completion", "zsh").out
    monkeypatch.setenv("SHELL", "/bin/odd")
    assert drplan("completion").code == 1
    assert drplan("completion", "odd").code == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_executions_with_the_script(state, tmp_path):
    program = tmp_path / "bin/drplan"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m drplan "$@"\n')
    program.chmod(0o755)
    # Run as a module the program is called drplan, too, so it reads the same variable.
    script = (
        'source <(drplan completion bash); COMP_WORDS=(drplan get --state "$1" we); COMP_CWORD=4; '
        '_drplan_completion drplan; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(state)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "web-execute-1\n"
