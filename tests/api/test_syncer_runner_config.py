"""What holds for the runners of a namespace: what it says itself, else what holds for all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from compiler.argo import RunnerConfig
from compiler.problems import ManifestError
from support.api_admin import Administrator
from support.api_proxy import Certificate
from support.kube_bench import Bench
from syncer.runner_config import runner_config

pytestmark = pytest.mark.bed


@pytest.fixture
def defaults(tmp_path: Path) -> Path:
    """A folder as the kubelet mounts a ConfigMap."""
    version = tmp_path / "mounted" / "..2026_01_01"
    version.mkdir(parents=True)
    (version / "image").write_text("registry.example/drplan:2\n")
    (version / "limits").write_text("memory: 1Gi")
    (version.parent / "..data").symlink_to(version.name)
    for name in ("image", "limits"):
        (version.parent / name).symlink_to(f"..data/{name}")
    return version.parent


def test_a_namespace_says_otherwise_key_by_key(
    administrator: Administrator, certificate: Certificate, defaults: Path, tmp_path: Path
) -> None:
    with Bench(administrator, certificate, tmp_path) as bench:

        async def read(folder: Path | None) -> RunnerConfig:
            async with bench.client() as client:
                return await runner_config(client, bench.namespace, defaults=folder)

        assert asyncio.run(read(None)) == RunnerConfig()
        assert asyncio.run(read(tmp_path / "gone")) == RunnerConfig()
        of_all = asyncio.run(read(defaults))
        assert (of_all.image, of_all.limits) == ("registry.example/drplan:2", {"memory": "1Gi"})

        bench.keep("drplan-runner-config", limits="memory: 2Gi")
        own = asyncio.run(read(defaults))
        assert (own.image, own.limits) == ("registry.example/drplan:2", {"memory": "2Gi"})

        (defaults / "..data" / "odd").write_text("x")
        (defaults / "odd").symlink_to("..data/odd")
        with pytest.raises(ManifestError, match="odd is not known"):
            asyncio.run(read(defaults))
