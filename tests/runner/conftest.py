"""A bench with an open fence, and a site to call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support.http_site import Site
from support.runner_bench import Bench

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The folder of an execution whose fence is open."""
    made = Bench(tmp_path)
    made.open_fence()
    yield made
    made.clean_up()


@pytest.fixture
def site() -> Iterator[Site]:
    """An HTTP server."""
    with Site() as serving:
        yield serving
