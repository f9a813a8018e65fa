"""The README is true: the demo prints what it shows, its commands run, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import ROOT, drplan

README = (ROOT / "README.md").read_text()


def demo(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.demo", "--state", str(state), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_demo_prints_what_the_readme_shows(tmp_path):
    shown = demo(tmp_path / "state")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    (block,) = blocks("text")
    lines = [line for line in block.splitlines() if line and line != "…"]
    patterns = [
        re.escape(line.replace(".drplan/demo", str(tmp_path / "state"))).replace("…", r"\d+") + "\n" for line in lines
    ]
    assert re.search("(.*\n)*?".join(patterns), shown.stdout), shown.stdout


def test_the_demo_with_a_failure_undoes_what_was_done(tmp_path):
    shown = demo(tmp_path / "state", "--fail")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "smoke-test failed: unexpected status code: 409" in shown.stdout
    assert "visitors are served by: site-a, site-b\n" in shown.stdout
    assert "Plan reverted successfully: 3 stage(s) rolled back, 4 action(s) rolled back" in shown.stdout


COMMANDS = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


def test_the_readme_names_one_command_that_runs_the_main_job_and_one_that_tests():
    assert COMMANDS[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("drplan ")])
def test_a_command_of_the_readme_runs(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    called = drplan(*command.split()[1:])
    assert called.code == 0, called.err


@pytest.mark.parametrize("target", re.findall(r"^make (\S+)|`make (\S+)`", README, re.MULTILINE))
def test_a_make_target_of_the_readme_exists(target):
    name = target[0] or target[1]
    assert re.search(rf"^{name}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README))
def test_a_link_of_the_readme_leads_somewhere(link):
    assert (ROOT / link.partition("#")[0]).exists()
