"""What a runner finds out about its action when it starts, before anything in its lane has run, and what that takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runner import support
from runner import vocabulary as words
from runner.spec import SpecError, parse
from support.api_actions import KEY, action, resource
from support.runner_bench import ROOT, Bench

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}


def test_without_an_api_server_an_action_on_objects_fails_before_anything_is_done(bench: Bench) -> None:
    lane = bench.lane()
    runner = lane.start(KEY, resource("Create", CONFIG), environment={words.ENV_API_HOST: ""})
    assert runner.wait() == 4
    assert lane.result(KEY)["reason"] == "InvalidSpec"
    assert runner.last_message.startswith("type KubernetesResource needs a Kubernetes API server; set KUBERNETES_")
    assert not bench.has_record(KEY)


@pytest.mark.parametrize("missing", [words.ENV_API_HOST, "token"])
def test_an_api_server_takes_an_address_and_a_token(tmp_path: Path, missing: str) -> None:
    spec = parse(json.dumps(resource("Create", CONFIG)))
    (tmp_path / "token").write_text("secret")
    environment = {words.ENV_API_HOST: "127.0.0.1", words.ENV_SERVICE_ACCOUNT: str(tmp_path)}
    support.check(spec, environment)
    if missing == "token":
        (tmp_path / "token").unlink()
    else:
        del environment[missing]
    with pytest.raises(SpecError, match="needs a Kubernetes API server"):
        support.check(spec, environment)


@pytest.mark.parametrize(
    ("block", "wrong"),
    [
        ({"operation": "Create"}, "resource.manifest"),
        ({"operation": "Create", "manifest": ["a"]}, "resource.manifest"),
        ({"operation": "Replace", "manifest": ""}, "resource.operation of the spec is 'Replace'"),
    ],
)
def test_a_block_that_no_runner_can_read_is_refused(block: dict[str, object], wrong: str) -> None:
    spec = parse(json.dumps(action("KubernetesResource", "resource", "Create", {}, resource=block)))
    with pytest.raises(SpecError, match=wrong):
        support.check(spec, {})


def test_a_runner_that_waits_has_nothing_loaded_that_only_acting_needs() -> None:
    program = "import runner.main, sys; print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    heavy = ("yaml", "urllib3", "ssl", "hashlib", "gzip", "runner.manifests", "runner.server", "runner.acting")
    assert not loaded.intersection(heavy)
    assert not [name for name in loaded if name.startswith("runner.kube")]
    assert {name for name in loaded if name.startswith("runner.actions.")} == {
        "runner.actions.blocks",
        "runner.actions.call",
    }
