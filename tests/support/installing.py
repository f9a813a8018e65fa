"""The three ways to an installation, as people go them: `drplan install`, kustomize and Helm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bed import versions
from bed.build import program
from support.command import ROOT

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "drplan"
KEPT = "helm.sh/resource-policy"

Object = dict[str, Any]
Objects = dict[tuple[str, str, str], Object]


def drplan_install(*options: str) -> Objects:
    """What `drplan install` prints."""
    return by_identity(_read(sys.executable, "-m", "drplan", "install", *options))


def kustomize(folder: Path) -> Objects:
    """What kustomize builds."""
    return by_identity(_read(str(program("kubectl")), "kustomize", str(folder)))


def helm_template(values: Mapping[str, Any] | None = None, *, namespace: str = "drplan-system") -> Objects:
    """What Helm renders of the chart; definitions say that Helm is to keep them, which is taken away here."""
    said = [f"--set-json={key}={json.dumps(value)}" for key, value in (values or {}).items()]
    rendered = by_identity(_read(*_helm(), "template", "drplan", str(CHART), f"--namespace={namespace}", *said))
    for (kind, _, _), value in rendered.items():
        if kind == "CustomResourceDefinition":
            assert value["metadata"].pop("annotations") == {KEPT: "keep"}
    return rendered


def helm_refuses(values: Mapping[str, Any]) -> str:
    """What Helm says when it does not render the chart with these values."""
    said = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    made = _called(*_helm(), "template", "drplan", str(CHART), *said)
    assert made.returncode != 0
    return made.stderr


def by_identity(objects: Iterable[Object]) -> Objects:
    """Objects by kind, namespace and name; none of them is there twice."""
    found: Objects = {}
    for value in objects:
        metadata = value["metadata"]
        identity = (value["kind"], metadata.get("namespace", ""), metadata["name"])
        assert identity not in found, f"{identity} is there twice"
        found[identity] = value
    return found


def without_namespaces(objects: Objects) -> Objects:
    """All but Namespaces: Helm has them made by itself."""
    return {identity: value for identity, value in objects.items() if identity[0] != "Namespace"}


def _helm() -> tuple[str, ...]:
    return (str(program("helm")),)


def _read(*command: str) -> list[Object]:
    made = _called(*command)
    assert made.returncode == 0, f"{' '.join(command)}: {made.stderr}"
    return [value for value in yaml.load_all(made.stdout, yaml.CSafeLoader) if value]


def _called(*command: str) -> subprocess.CompletedProcess[str]:
    if "template" in command:
        command = (*command, f"--kube-version={versions.KUBERNETES}")
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
