"""Reads the kustomizations of `deploy/` as kustomize does, as far as they go.

That is: files, components, and patches with a target, which are JSON patches or delete an object. Anything else in one
of them is an error here, so that nobody adds what only one of the two understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

Object = dict[str, Any]

FILE = "kustomization.yaml"
DEFINITIONS = "definitions.yaml"
"""File of the CustomResourceDefinitions: nothing patches them, and they are printed as they are."""

_PLACES = (Path(__file__).parents[1] / "deploy", Path(__file__).parents[2] / "deploy")
"""In an installed package, and in a checkout."""
_KNOWN = {"apiVersion", "kind", "resources", "patches"}
_DELETE = ("$patch", "delete")


class KustomizationError(Exception):
    """A kustomization says what is not understood here, or does not fit what it is about."""


def folder(name: str) -> Path:
    """A folder of `deploy/`, wherever this is installed."""
    place = next((place for place in _PLACES if (place / name).is_dir()), None)
    if place is None:
        raise KustomizationError(f"{_PLACES[0] / name} is missing: is drplan installed completely?")
    return place / name


def build(base: Path, components: Sequence[Path] = ()) -> list[Object]:
    """Build a base and components on it, in their order, without the definitions.

    Raises:
        KustomizationError: one of them says something that is not understood here.
    """
    objects: list[Object] = []
    for each in (base, *components):
        said = _kustomization(each)
        for name in said.get("resources", ()):
            if name != DEFINITIONS:
                objects += deepcopy(_documents(each / name))
        for patch in said.get("patches", ()):
            objects = _patched(objects, patch, where=each / FILE)
    return objects


def _kustomization(folder: Path) -> Mapping[str, Any]:
    (said,) = _documents(folder / FILE)
    unknown = sorted(set(said) - _KNOWN)
    if unknown:
        raise KustomizationError(f"{folder / FILE}: {unknown[0]} is not understood here")
    return said


@cache
def _documents(path: Path) -> list[Object]:
    import yaml

    return [value for value in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader) if value]


def _patched(objects: Iterable[Object], patch: Mapping[str, Any], *, where: Path) -> list[Object]:
    import yaml

    said = yaml.load(patch["patch"], yaml.CSafeLoader)
    deletes = isinstance(said, dict) and said.get(_DELETE[0]) == _DELETE[1]
    if not deletes and not isinstance(said, list):
        raise KustomizationError(f"{where}: a patch is neither a JSON patch nor a deletion: {patch['target']}")
    kept = []
    for value in objects:
        if not _is_meant(value, patch["target"]):
            kept.append(value)
        elif not deletes:
            for operation in said:
                _change(value, operation, where=where)
            kept.append(value)
    return kept


def _is_meant(value: Object, target: Mapping[str, str]) -> bool:
    """Whether a target, whose values are regular expressions, means an object."""
    found = {"kind": value["kind"], "name": value["metadata"]["name"]}
    return all(re.fullmatch(pattern, found[key]) for key, pattern in target.items())


def _change(value: Object, operation: Mapping[str, Any], *, where: Path) -> None:
    """Do one operation of a JSON patch (RFC 6902)."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    place: Any = value
    try:
        for part in parents:
            place = place[_index(place, part)]
        at = _index(place, last)
        match operation["op"]:
            case "add" if isinstance(place, list):
                place.insert(at, deepcopy(operation["value"]))
            case "add":
                place[at] = deepcopy(operation["value"])
            case "replace" if place[at] is not None:
                place[at] = deepcopy(operation["value"])
            case "remove":
                del place[at]
            case "test" if place[at] == operation["value"]:
                pass
            case other:
                raise KustomizationError(f"{where}: {other} {operation['path']} does not hold, or is not understood")
    except (KeyError, IndexError, TypeError) as problem:
        raise KustomizationError(f"{where}: there is no {operation['path']} in {value['kind']}") from problem


def _index(place: Any, part: str) -> Any:
    if not isinstance(place, list):
        return part
    return len(place) if part == "-" else int(part)
