"""A process is known by more than its number: nobody else's is ever ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bed.processes import Identity

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process descriptors are Linux'")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_ended_and_waited_for(sleeper: subprocess.Popen[bytes]) -> None:
    known = Identity.of(sleeper.pid)
    assert known.alive()
    assert known.end(10)
    assert not known.alive()
    assert sleeper.wait() == -9


@pytest.mark.parametrize("other", [{"started": 1}, {"boot": "another"}])
def test_a_process_that_only_has_the_number_is_left_alone(
    sleeper: subprocess.Popen[bytes], other: dict[str, object]
) -> None:
    gone = replace(Identity.of(sleeper.pid), **other)
    assert not gone.alive()
    assert gone.end(10)
    assert Identity.of(sleeper.pid).alive()
    assert sleeper.poll() is None


def test_what_has_ended_is_not_alive_though_its_parent_has_not_asked(sleeper: subprocess.Popen[bytes]) -> None:
    known = Identity.of(sleeper.pid)
    sleeper.kill()
    assert known.end(10)
    assert not known.alive()


def test_a_number_that_nobody_has_is_told() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    with pytest.raises(ProcessLookupError):
        Identity.of(process.pid)
