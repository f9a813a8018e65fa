"""Where a bed cannot run, everything that is missing is told at once, with what to do and the other way."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bed import requirements
from bed.places import Places
from bed.problems import BedProblem, CannotRun

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a Linux machine lacks other things")


@linux_only
def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotRun, match=r"it needs root .*") as told:
        requirements.check()
    assert "make test-kind KIND=/path/to/kind" in str(told.value)


@linux_only
def test_missing_packages_are_told_by_the_names_that_debian_has_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "SYSTEM_PATH", str(tmp_path))
    monkeypatch.setattr(requirements, "CNI_FOLDER", tmp_path)
    told = requirements.lacking()[-1]
    assert told == f"the Debian packages {' '.join(requirements.PACKAGES)} (run `make install-bed`)"


def test_another_system_is_told_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert requirements.lacking() == ["a Linux kernel (this is darwin)"]


@pytest.mark.parametrize("name", ["", "Upper", "-a", "a-", "a/b", "..", "a" * 41])
def test_a_name_that_cannot_be_a_folder_and_a_host_is_refused(name: str) -> None:
    with pytest.raises(BedProblem, match="a bed's name is"):
        Places.of(name)


def test_a_state_folder_that_is_too_deep_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/" + "d" * 100)
    with pytest.raises(BedProblem, match="shorter XDG_STATE_HOME"):
        Places.of("a")


def test_files_lie_where_the_user_wants_caches_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert Places.of("a").root == Path("/state/drplan-bed/a")
