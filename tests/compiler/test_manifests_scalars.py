"""Plain scalars mean what `kubectl` takes them for."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.manifests import parse

HEAD = "apiVersion: dr.bkbcs.tencent.com/v1alpha1\nkind: DRPlan\n"


def value_of(scalar: str) -> Any:
    manifests = parse(f"{HEAD}value: {scalar}\n", file="plan.yaml")
    assert not [problem for problem in manifests.problems if problem.is_error]
    return manifests.documents[0].value["value"]


def messages_about(text: str) -> list[str]:
    return [str(problem) for problem in parse(HEAD + text, file="plan.yaml").problems]


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        ("text", "text"),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("true", True),
        ("False", False),
        ("yes", True),
        ("on", True),
        ("y", True),
        ("No", False),
        ("off", False),
        ("n", False),
        ("yEs", "yEs"),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0644", 420),
        ("0o17", 15),
        ("0b101", 5),
        ("08", 8),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        ("12:30:00", "12:30:00"),
        ("1:30", "1:30"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("10.0.0.1", "10.0.0.1"),
        ("0x", "0x"),
        ("1e", "1e"),
        (".", "."),
        ("=", "="),
        ('"1"', "1"),
        ("'yes'", "yes"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ('!!int "5"', 5),
        ("!!float 5", 5),
        ("!!timestamp 2026-11-23", "2026-11-23"),
        (str(2**63), 2**63),
        ("9" * 40, int("9" * 40)),
    ],
)
def test_a_scalar_has_the_value_that_kubectl_gives_it(scalar: str, expected: Any) -> None:
    value = value_of(scalar)

    assert value == expected
    assert type(value) is type(expected) or scalar.startswith("!!float")


def test_a_block_scalar_is_text_whatever_it_holds() -> None:
    assert value_of("|\n  yes") == "yes\n"
    assert value_of(">-\n  1e3") == "1e3"


@pytest.mark.parametrize("scalar", [".inf", "-.Inf", ".nan", "1e999", "9" * 5000, "0x" + "f" * 5000])
def test_a_number_that_json_cannot_hold_is_an_error_at_its_place(scalar: str) -> None:
    (message,) = messages_about(f"value: {scalar}\n")

    assert message.startswith("plan.yaml:3:8: ")
    assert message.endswith("is a number that JSON cannot hold; quote it if it is meant as text")
    assert len(message) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("value: yes", '3:8: warning: "yes" is read as true, as kubectl does; quote it to keep the text'),
        ("value: [a, off]", '3:12: warning: "off" is read as false, as kubectl does; quote it to keep the text'),
        ("on: push", '3:1: warning: "on" is read as true, as kubectl does; quote it to keep the text'),
        (
            "value: 0644",
            '3:8: warning: "0644" is read as the octal number 420, as kubectl does; quote it to keep the text',
        ),
    ],
)
def test_a_value_that_its_writer_may_not_have_meant_is_a_warning(text: str, expected: str) -> None:
    assert messages_about(text) == [f"plan.yaml:{expected}"]


@pytest.mark.parametrize("text", ["value: 'yes'", "value: true", "value: 07", "value: 0", "value: !!str yes"])
def test_a_value_that_is_plain_to_everybody_is_no_warning(text: str) -> None:
    assert messages_about(text) == []


def test_surprises_in_objects_of_other_kinds_are_none_of_our_business() -> None:
    assert parse("apiVersion: v1\nkind: ConfigMap\ndata: {a: yes}\n", file="a.yaml").problems == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("value: !!binary aGk=", "3:8: tag !!binary is not supported; remove it"),
        ("value: !mine x", "3:8: tag !mine is not supported; remove it"),
        ("value: !!set {a}", "3:8: tag !!set is not supported; remove it"),
        ('value: !!int "five"', '3:8: "five" is not what its tag !!int says'),
        ("value: !!null x", '3:8: "x" is not what its tag !!null says'),
    ],
)
def test_a_tag_that_json_has_no_word_for_is_an_error(text: str, expected: str) -> None:
    assert messages_about(text) == [f"plan.yaml:{expected}"]
