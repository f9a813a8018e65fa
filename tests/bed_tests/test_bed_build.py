"""What the bed is built from: pinned, committed, and rebuilt when and only when something of it changed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from bed import build, versions
from bed.versions import TOOLS, TOOLS_FOLDER, Tool


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.module], ids=lambda tool: tool.name)
def test_go_mod_pins_the_version_that_the_bed_says_it_runs(tool: Tool) -> None:
    required = re.findall(
        r"^(?:require)?\s*(\S+) (v\S+)", (TOOLS_FOLDER / tool.name / "go.mod").read_text(), re.MULTILINE
    )
    assert dict(required)[tool.module] == tool.version


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.module], ids=lambda tool: tool.name)
def test_go_mod_pins_every_program_that_is_built(tool: Tool) -> None:
    text = (TOOLS_FOLDER / tool.name / "go.mod").read_text()
    assert [package for package in tool.programs.values() if package not in text] == []


def test_every_staging_module_of_kubernetes_has_the_version_that_belongs_to_it() -> None:
    text = (TOOLS_FOLDER / "kubernetes/go.mod").read_text()
    replaced = dict(re.findall(r"^\s*(k8s\.io/\S+) => \S+ (v\S+)", text, re.MULTILINE))
    assert len(replaced) > 20
    assert set(replaced.values()) == {versions.KUBERNETES.replace("v1", "v0", 1)}


@pytest.fixture
def copied_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied = tmp_path / "tools"
    shutil.copytree(TOOLS_FOLDER, copied)
    monkeypatch.setattr(build, "TOOLS_FOLDER", copied)
    return copied


def test_the_cache_knows_a_tool_by_every_byte_that_it_is_built_from(copied_tools: Path) -> None:
    before = {tool.name: build.folder(tool) for tool in TOOLS}
    with (copied_tools / "etcd/go.sum").open("a") as sums:
        sums.write("\n")
    after = {tool.name: build.folder(tool) for tool in TOOLS}
    assert [name for name in before if before[name] != after[name]] == ["etcd"]


def test_a_checkout_elsewhere_finds_the_same_cache(copied_tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [build.folder(tool) for tool in TOOLS]
    monkeypatch.setattr(build, "TOOLS_FOLDER", TOOLS_FOLDER)
    assert [build.folder(tool) for tool in TOOLS] == there


def test_a_build_that_was_broken_off_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    whole, *others = TOOLS
    build.folder(whole).mkdir(parents=True)
    for tool in others:
        (build.folder(tool).with_name(f".{build.folder(tool).name}.partial") / "bin").mkdir(parents=True)
    assert build.missing() == others
