"""The platform's runner configuration."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from compiler.argo import RunnerConfig
from compiler.argo.config import COMPILER_VERSION
from compiler.problems import ManifestError


def test_nothing_given_means_the_defaults() -> None:
    assert RunnerConfig.read({}) == RunnerConfig()


def test_a_config_map_gives_everything_as_text() -> None:
    config = RunnerConfig.read(
        {
            "image": "registry.example/drplan-runner:1.2.3",
            "imagePullPolicy": "Always",
            "ttlSecondsAfterCompletion": "3600",
            "maxWorkflowSize": "2097152",
            "requests": "cpu: 5m\nmemory: 64Mi\n",
            "closeRequests": "{memory: 24Mi}",
            "limits": "{memory: 512Mi, cpu: 1}",
            "env": "HTTPS_PROXY: http://proxy.example:3128\n",
            "podSpecPatch": "nodeSelector: {zone: a}\n",
        }
    )

    assert config == RunnerConfig(
        image="registry.example/drplan-runner:1.2.3",
        image_pull_policy="Always",
        ttl_seconds=3600,
        workflow_bytes=2097152,
        requests={"cpu": "5m", "memory": "64Mi"},
        close_requests={"memory": "24Mi"},
        limits={"memory": "512Mi", "cpu": "1"},
        environment={"HTTPS_PROXY": "http://proxy.example:3128"},
        pod_spec_patch={"nodeSelector": {"zone": "a"}},
    )


def test_a_file_gives_structured_values() -> None:
    config = RunnerConfig.read({"ttlSecondsAfterCompletion": 60, "podSpecPatch": {"priority": 7}})

    assert (config.ttl_seconds, config.pod_spec_patch) == (60, {"priority": 7})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"imag": "x"}, "imag is not known; known are image, imagePullPolicy"),
        ({"image": " "}, "image must be a text that is not empty"),
        ({"image": 3}, "image must be a text that is not empty"),
        ({"imagePullPolicy": "Sometimes"}, '"Sometimes" must be one of Always, IfNotPresent, Never'),
        ({"ttlSecondsAfterCompletion": "soon"}, '"soon" must be a whole number above 0'),
        ({"ttlSecondsAfterCompletion": 0}, '"0" must be a whole number above 0'),
        ({"maxWorkflowSize": True}, '"True" must be a whole number above 0'),
        ({"podSpecPatch": "[1, 2]"}, "podSpecPatch must be a mapping"),
        ({"requests": "a: b: c"}, "requests is no YAML"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match="runner configuration: ") as found:
        RunnerConfig.read(values)

    assert message in str(found.value)


def test_the_pod_is_given_time_to_end_its_call_unless_the_platform_says_otherwise() -> None:
    patched = RunnerConfig(pod_spec_patch={"terminationGracePeriodSeconds": 60, "priority": 7})

    assert json.loads(RunnerConfig().pod_spec_patch_text()) == {"terminationGracePeriodSeconds": 30}
    assert json.loads(patched.pod_spec_patch_text()) == {"terminationGracePeriodSeconds": 60, "priority": 7}


def test_the_compiler_has_the_version_of_the_release() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert project["project"]["version"] == COMPILER_VERSION
