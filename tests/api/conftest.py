"""The real API server without any node (tier *api* of the test bed), and rooms in it where runners act.

The bed is one of its own that ends with the session, or the one that DRPLAN_BED names.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import argo, lifecycle, requirements
from bed.client import Bed
from bed.state import Tier
from support import rights
from support.api_actions import ActionBench
from support.api_admin import Administrator, path_of
from support.api_proxy import Certificate
from support.api_runner import ROLE, Room
from support.api_syncer import SyncerBench
from support.clusternet_world import Hub, World
from support.command import ROOT
from support.http_site import Site
from support.rbac_audit import REFUSED, audited, granted
from support.syncer_stories import add_workflows
from support.syncer_zygote import Zygote

REPORT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """A bed with an API server."""
    lacking = requirements.lacking()
    if lacking:
        pytest.skip(f"the test bed cannot run here, it needs {'; and '.join(lacking)}")
    given = os.environ.get("DRPLAN_BED")
    if given:
        yield Bed.find(given)
        return
    name = f"api-{os.getpid()}"
    try:
        yield lifecycle.up(name, Tier.API, owner=os.getpid())
    finally:
        lifecycle.down(name, keep_logs=False)


@pytest.fixture(scope="session")
def administrator(bed: Bed) -> Iterator[Administrator]:
    """Its API server, which serves our kinds and Argo's."""
    made = Administrator(bed)
    made.define(ROOT / "crds")
    if bed.kube.get(f"{path_of('Workflow', '')}?limit=1") is None:
        argo.define(bed)
    yield made
    made.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """What proxies show to runners."""
    return Certificate.made(tmp_path_factory.mktemp("proxy") / "certificates")


@pytest.fixture(scope="session", autouse=True)
def _rights(administrator: Administrator, pytestconfig: pytest.Config) -> Iterator[None]:
    """Fail at the end when a runner was refused something that no test wants to be refused."""
    with audited(administrator.bed.places.audit_log) as audit:
        yield
        used = audit.used()
        unused = [right for right in granted(ROLE) if right not in used]
        pytestconfig.stash[REPORT] = [
            *(f"used: {right}" for right in used),
            *(f"not used: {right}" for right in unused),
        ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List which of their rights the runners have used."""
    if lines := config.stash.get(REPORT, None):
        terminalreporter.section("rights of the runner's service account")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture
def room(
    administrator: Administrator, certificate: Certificate, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Room]:
    """A namespace of its own in which the runner has its rights."""
    with Room(administrator, tmp_path, name=_name(request), certificate=certificate) as made:
        yield made


@pytest.fixture
def room_without_rights(
    administrator: Administrator, certificate: Certificate, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Room]:
    """A namespace of its own in which the runner has no Role."""
    name = _name(request) + REFUSED
    with Room(administrator, tmp_path, name=name, certificate=certificate, role=False) as made:
        yield made


@pytest.fixture(scope="session")
def hub(administrator: Administrator, certificate: Certificate) -> Iterator[Hub]:
    """Clusternet's hub, and two more API servers that are child clusters of it."""
    names = [f"{administrator.bed.places.name}-child-{number}" for number in (1, 2)]
    try:
        children = [Administrator(lifecycle.up(name, Tier.API, owner=os.getpid())) for name in names]
        with Hub(administrator, children, certificate) as made:
            yield made
        for child in children:
            child.close()
    finally:
        for name in names:
            lifecycle.down(name, keep_logs=False)


@pytest.fixture
def world(hub: Hub, room: Room) -> Iterator[World]:
    """Child clusters of the hub, as many as a test registers."""
    with World(hub, room.namespace) as made:
        yield made


@pytest.fixture
def refusing(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[ActionBench]:
    """A room in which actions may change Secrets that exist, and nothing else."""
    name = f"actions-{uuid.uuid4().hex[:6]}{REFUSED}"
    with Room(administrator, tmp_path, name=name, certificate=certificate) as room:
        made = ActionBench(room)
        rights.grant(administrator, rights.rule("secrets", "get", "patch", "delete"), to=name)
        yield made


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Forks syncers."""
    with Zygote() as made:
        yield made


@pytest.fixture
def bench(
    administrator: Administrator, certificate: Certificate, tmp_path: Path, zygote: Zygote
) -> Iterator[SyncerBench]:
    """A namespace with the workflows of the stories, and syncers that are forked; some modules have another."""
    with SyncerBench(administrator, certificate, tmp_path, zygote=zygote) as made:
        add_workflows(made)
        yield made


@pytest.fixture
def site() -> Iterator[Site]:
    """An HTTP server for the runners to call."""
    with Site() as serving:
        yield serving


def _name(request: pytest.FixtureRequest) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    return f"{words[:36].strip('-')}-{uuid.uuid4().hex[:6]}"
