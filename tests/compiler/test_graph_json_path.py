"""Paths to values inside objects: what kubectl reads, read alike, and everything else refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.json_path import JsonPathError, parse
from support.checked import errors
from support.plans import http, plan, stage, workflow

OBJECT: dict[str, Any] = {
    "metadata": {"name": "db", "annotations": {"example.com/site": "a"}},
    "spec": {"ports": [{"name": "sql", "port": 3306}, {"name": "admin", "port": 8080, "secure": True}]},
    "status": {"ratio": 1.5, "ready": True, "nothing": None, "conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("{.metadata.name}", "db"),
        ("{ .metadata.name }", "db"),
        ("{$.metadata.name}", "db"),
        (".metadata.name", "db"),
        ("metadata.name", "db"),
        (r"{.metadata.annotations.example\.com/site}", "a"),
        ("{.metadata.annotations['example.com/site']}", "a"),
        ("{.spec['ports'][0].port}", "3306"),
        ("{.spec.ports[-1].name}", "admin"),
        ("{.spec.ports[*].port}", "3306 8080"),
        ("{.spec.ports[1,0].name}", "admin sql"),
        ("{.spec.ports[:1].name}", "sql"),
        ("{.spec.ports[0:2:2].name}", "sql"),
        ("{.metadata['name','annotations']}", 'db {"example.com/site":"a"}'),
        ("{..port}", "3306 8080"),
        ('{.status.conditions[?(@.type=="Ready")].status}', "True"),
        ("{.spec.ports[?(@.name=='admin')].port}", "8080"),
        ("{.spec.ports[?(@.port>=8080)].name}", "admin"),
        ("{.spec.ports[?(@.port<8080)].name}", "sql"),
        ("{.spec.ports[?(@.name!='sql')].name}", "admin"),
        ("{.spec.ports[?(@.secure)].name}", "admin"),
        ("{.spec.ports[?(@.secure==true)].name}", "admin"),
        ("{.spec.ports[?(@.port=='8080')].name}", ""),
        ("tcp://{.metadata.name}:{.spec.ports[0].port}", "tcp://db:3306"),
        ("{.metadata.name}{'/'}{.status.ready}", "db/true"),
        ("{.status.ratio}", "1.5"),
        ("{.status.nothing}", ""),
        ("{.spec.ports[0]}", '{"name":"sql","port":3306}'),
    ],
)
def test_a_path_leads_to_a_text(path: str, text: str) -> None:
    assert parse(path).find(OBJECT) == text


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("{.metadata.uid}", "uid is not found"),
        ("{.metadata.name.first}", "first is not found"),
        ("{.spec.ports[2]}", "array index out of bounds: index 2, length 2"),
        ("{.metadata[0]}", "[0] is not found, there is no list"),
    ],
)
def test_what_is_missing_is_an_error(path: str, problem: str) -> None:
    with pytest.raises(LookupError) as raised:
        parse(path).find(OBJECT)

    assert raised.value.args == (problem,)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "it leads nowhere"),
        ("text{'text'}", "it leads nowhere"),
        ("{.a", "it ends where"),
        (".a}", '"}" without "{"'),
        ("{}", "expected a path"),
        ("{range .items[*]}{.a}{end}", "expected a path"),
        ("{.a b}", 'expected "}" at "b}"'),
        ("{.a..}", "expected the name of a field"),
        ("{.a[]}", "expected an index"),
        ("{.a[::0]}", "the step of a slice must be above 0"),
        ("{.a[?(@.b=c)]}", 'expected ")"'),
        ("{.a[?(@.b==c)]}", "expected a value in quotes"),
        ("{..a..b}", '".." can stand in a path once'),
        ("{.a" + "[?(@.b" * 30, "nested deeper than 20 levels"),
    ],
)
def test_what_is_no_path_is_refused_with_the_place(path: str, problem: str) -> None:
    with pytest.raises(JsonPathError) as raised:
        parse(path)

    assert problem in str(raised.value)


def test_a_path_that_leads_to_very_many_values_is_an_error() -> None:
    many = [list(range(40))] * 40

    with pytest.raises(LookupError, match="more than 1000 values"):
        parse("{[*][*]}").find(many)


@given(st.text(alphabet="{}[].'\"\\ab0?(@)$*,:=<> ", max_size=30))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = parse(text)
    except JsonPathError:
        return
    with contextlib.suppress(LookupError):
        assert isinstance(path.find({"a": [{"b": 0}], "b": "a"}), str)


def test_a_plan_with_a_broken_path_is_refused() -> None:
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p", "jsonPath": "{.a"}
    broken = plan(stage("db", "mysql"), globalParams=[{"name": "ip", "valueFrom": {"manifestRef": reference}}])
    uses = workflow("mysql", http("call", url="http://$(params.ip)/", rollback=http("undo")))

    (problem,) = errors(broken, uses)

    assert problem.startswith('globalParams[0](ip).valueFrom.manifestRef: invalid jsonPath expression "{.a": ')


@pytest.mark.parametrize("version", ["v1", "shadow/v1alpha1"])
def test_a_secret_is_refused_in_every_group(version: str) -> None:
    reference = {"apiVersion": version, "kind": "Secret", "name": "s", "jsonPath": "{.data.x}"}
    reading = plan(stage("db", "mysql"), globalParams=[{"name": "ip", "valueFrom": {"manifestRef": reference}}])
    uses = workflow("mysql", http("call", url="http://$(params.ip)/", rollback=http("undo")))

    assert errors(reading, uses) == [
        "globalParams[0](ip).valueFrom.manifestRef: a Secret cannot be read into a parameter; use secretKeyRef"
    ]
