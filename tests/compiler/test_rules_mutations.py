"""Two thousand broken manifests: each one gives a place, none a traceback, nothing is written.

Valid manifests are broken in seeded ways. Where the way alone makes them wrong (a required field removed, a wrong type,
a key twice) an error is demanded; where chance decides (bytes changed, text cut off) another reader of YAML does.
"""

from __future__ import annotations

import contextlib
import copy
import io
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.manifests import to_yaml
from drplan.cli import run
from support.plans import execution, http, localization, plan, stage, use, workflow

EXAMPLES = Path(__file__).parents[2] / "examples"
POD = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}
FEED = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "web"}
UNDO = {"type": "HTTP", "http": {"url": "http://site.example/undo", "method": "POST", "successCodes": [200, 204]}}
EVERY_TYPE = workflow(
    "every-type",
    http(
        "call", method="POST", headers={"X-Region": "$(params.region)"}, timeout="90s", waitReady=False, rollback=UNDO
    ),
    {"name": "job", "type": "Job", "job": {"namespace": "jobs", "template": {"spec": {"template": {"spec": POD}}}}},
    localization("local", retryPolicy={"limit": 2, "interval": "1s", "backoffMultiplier": "1.5"}),
    {"name": "global", "type": "Globalization", "globalization": {"name": "g", "spec": {"priority": 1, "feed": FEED}}},
    {
        "name": "chart",
        "type": "HelmChart",
        "helmChart": {
            "name": "c",
            "namespace": "charts",
            "spec": {"repo": "https://charts.example", "chart": "web", "targetNamespace": "web", "wait": True},
        },
    },
    {
        "name": "sub",
        "type": "Subscription",
        "clusterExecutionMode": "PerCluster",
        "hookCleanup": {"onSuccess": True},
        "subscription": {
            "name": "s",
            "spec": {"feeds": [FEED], "subscribers": [{"clusterAffinity": {"matchLabels": {"a": "b"}}, "weight": 1}]},
        },
    },
    {
        "name": "object",
        "type": "KubernetesResource",
        "dependsOn": ["call", "sub"],
        "when": 'mode == "install"',
        "resource": {"operation": "Apply", "manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"},
    },
    parameters=[{"name": "region", "type": "string", "default": "eu"}],
    failurePolicy="Continue",
)
SOURCES = [
    *(path.read_text() for path in sorted(EXAMPLES.glob("bcs-drplan/*/*.yaml"))),
    to_yaml([EVERY_TYPE]),
    to_yaml(
        [
            plan(
                stage("db", "every-type", use("every-type", region="us"), parallel=True),
                stage("web", "every-type", dependsOn=["db"], failurePolicy="Stop"),
                globalParams=[{"name": "region", "value": "eu"}],
                suspend=False,
            ),
            execution(mode="Install", params=[{"name": "region", "value": "eu"}], ttlSecondsAfterFinished=60),
        ]
    ),
]
LINE = re.compile(r"[^:]+:(\d+):(\d+): .+")
FREE = ("template", "labels", "annotations")
"""Fields below which anything goes, or where a wrong type is not the only thing that can be wrong."""


def parsed(chance: random.Random) -> list[dict[str, Any]]:
    return [copy.deepcopy(value) for value in yaml.safe_load_all(chance.choice(SOURCES))]


def without_a_required_field(chance: random.Random) -> bytes:
    objects = parsed(chance)
    value = chance.choice(objects)
    *steps, last = chance.choice(list(required(value)))
    del at(value, steps)[last]
    return to_yaml(objects).encode()


def with_a_wrong_type(chance: random.Random) -> bytes:
    objects = parsed(chance)
    value = chance.choice(objects)
    *steps, last = chance.choice(list(typed(value)))
    holder = at(value, steps)
    wrong = {str: [12345, ["x"], {"x": "y"}, 1.5, True], list: ["text", {"x": "y"}, 7], dict: ["text", ["x"], 7]}
    holder[last] = chance.choice(wrong.get(type(holder[last]), ["text", ["x"], {"x": "y"}]))
    return to_yaml(objects).encode()


def with_a_key_twice(chance: random.Random) -> bytes:
    text = chance.choice(SOURCES)
    keys = [key for node in yaml.compose_all(text) for key in mapping_keys(node)]
    key = chance.choice(keys)
    start = key.start_mark
    lines = text.split("\n")
    line = lines[start.line]
    is_block = line[: start.column].strip(" -") == ""
    again = f"{key.value}: again" + ("\n" + " " * start.column if is_block else ", ")
    lines[start.line] = line[: start.column] + again + line[start.column :]
    return "\n".join(lines).encode()


def with_changed_bytes(chance: random.Random) -> bytes:
    content = bytearray(chance.choice(SOURCES).encode())
    for _ in range(chance.choice([1, 2, 8])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)


def cut_off(chance: random.Random) -> bytes:
    content = chance.choice(SOURCES).encode()
    return content[: chance.randrange(len(content))]


def with_damaged_text(chance: random.Random) -> bytes:
    lines = chance.choice(SOURCES).split("\n")
    for _ in range(chance.choice([1, 1, 3])):
        index = chance.randrange(len(lines))
        lines[index] = chance.choice(
            [
                "\t" + lines[index],
                " " * chance.randrange(1, 5) + lines[index],
                lines[index].lstrip(),
                lines[index].replace(":", "", 1),
                lines[index].replace(": ", ":", 1),
                lines[index].replace('"', "", 1),
                lines[index] + " {",
                lines[index] + " &a *a",
                "- " + lines[index],
                "? " + lines[index],
                lines[index] + chance.choice(["\0", "\x07", "\u2028", "\ufffe"]),
                "<<: text",
                "---",
                "...",
                "%YAML 9.9",
            ]
        )
    return "\n".join(lines).encode()


def garbage(chance: random.Random) -> bytes:
    size = chance.randrange(1, 400)
    return chance.choice(
        [
            b"x" + chance.randbytes(size),
            "".join(chance.choices("abc: -[]{}'\"&*!|>%@`\n\t#", k=size)).encode() + b"\n@",
            b"\x7fELF" + chance.randbytes(size),
            b"<!DOCTYPE html><html><body>" + b"not found" * chance.randrange(9),
            b"[" * chance.randrange(1, 5000),
            b'{"a":' * chance.randrange(1, 5000),
            b"- " * chance.randrange(1, 5000) + b"x",
            b"PK\x03\x04" + chance.randbytes(size),
            chance.choice(SOURCES).encode("utf-16-le"),
            b'{"apiVersion": "v1", "kind": "List", "items": [' + b"1," * chance.randrange(9) + b"2]}",
        ]
    )


SURELY_WRONG = {without_a_required_field: 400, with_a_wrong_type: 500, with_a_key_twice: 300, garbage: 200}
PERHAPS_WRONG = {with_changed_bytes: 200, cut_off: 150, with_damaged_text: 250}
CHUNK = 50


def chunks(kinds: dict[Callable[[random.Random], bytes], int]) -> list[Any]:
    return [
        pytest.param(way, first, id=f"{way.__name__}-{first}")
        for way, count in kinds.items()
        for first in range(0, count, CHUNK)
    ]


def test_the_manifests_that_are_broken_here_are_two_thousand_and_valid_before(tmp_path: Path) -> None:
    assert sum(SURELY_WRONG.values()) + sum(PERHAPS_WRONG.values()) == 2000
    for source in SOURCES:
        assert validated(source.encode(), tmp_path / "a.yaml")[0] == 0


@pytest.mark.parametrize(("way", "first"), chunks(SURELY_WRONG))
def test_a_manifest_that_is_surely_wrong_gives_an_error_with_its_place(
    way: Callable[[random.Random], bytes], first: int, tmp_path: Path
) -> None:
    for seed in range(first, first + CHUNK):
        content = way(random.Random(f"{way.__name__} {seed}"))

        code, out, err = validated(content, tmp_path / "a.yaml")

        assert code == 1, f"seed {seed} passed:\n{content!r}"
        judge(content, out, err)


@pytest.mark.parametrize(("way", "first"), chunks(PERHAPS_WRONG))
def test_a_manifest_that_another_reader_refuses_gives_an_error_with_its_place(
    way: Callable[[random.Random], bytes], first: int, tmp_path: Path
) -> None:
    for seed in range(first, first + CHUNK):
        content = way(random.Random(f"{way.__name__} {seed}"))

        code, out, err = validated(content, tmp_path / "a.yaml")

        assert code == 1 or is_readable(content), f"seed {seed} passed:\n{content!r}"
        judge(content, out, err)


def validated(content: bytes, path: Path) -> tuple[int, str, str]:
    """Validate a file, and see that nothing was written."""
    path.write_bytes(content)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["validate", "-f", path.name])
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == content
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def judge(content: bytes, out: str, err: str) -> None:
    """Every line names a place that is in the file, and the summary is one line."""
    last_line = len(re.split(b"\r\n|\r|\n|\xc2\x85|\xe2\x80[\xa8\xa9]", content))
    for line in err.splitlines():
        match = LINE.fullmatch(line)
        assert match, f"not file:line:column: message but {line!r}"
        assert line.startswith("a.yaml:")
        assert 1 <= int(match.group(1)) <= last_line
        assert int(match.group(2)) >= 1
    assert re.fullmatch(r"\d+ (objects? valid|errors?\b).*\n", out)


def is_readable(content: bytes) -> bool:
    try:
        list(yaml.load_all(content, yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError, OverflowError):
        return False
    return True


def at(value: Any, steps: list[Any]) -> Any:
    for step in steps:
        value = value[step]
    return value


def required(value: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Paths of fields that an object cannot be without."""
    yield from [("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("spec",)]
    if value["kind"] == "DRPlanExecution":
        yield from [("spec", field) for field in ("planRef", "operationType")]
        if value["spec"]["operationType"] == "Revert":
            yield ("spec", "revertExecutionRef")
    if value["kind"] == "DRPlan":
        yield ("spec", "stages")
        for index, member in enumerate(value["spec"]["stages"]):
            yield from [("spec", "stages", index, field) for field in ("name", "workflows")]
            for position in range(len(member["workflows"])):
                path = ("spec", "stages", index, "workflows", position, "workflowRef")
                yield from [path, (*path, "name")]
    if value["kind"] == "DRWorkflow":
        yield ("spec", "actions")
        for index, action in enumerate(value["spec"]["actions"]):
            yield from _required_of_action(action, ("spec", "actions", index))


REQUIRED = {
    "http": ["url"],
    "job": ["template"],
    "localization": ["name", "namespace", "spec"],
    "globalization": ["name", "spec"],
    "helmChart": ["name", "namespace", "spec"],
    "subscription": ["name", "spec"],
    "resource": ["manifest"],
}


def _required_of_action(action: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield from [(*path, "name"), (*path, "type")]
    for block, fields in REQUIRED.items():
        if block in action:
            yield (*path, block)
            yield from [(*path, block, field) for field in fields]


def typed(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of values that have a type."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, member in members:
        yield (*path, step)
        if step not in FREE:
            yield from typed(member, (*path, step))


def mapping_keys(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield from mapping_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for member in node.value:
            yield from mapping_keys(member)
