"""Label selectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.kube.selecting import SelectorError, matches

labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2"]))


def expression(operator: str, *values: str, key: str = "zone") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@given(labels)
def test_no_selector_matches_nothing_and_an_empty_one_everything(given: dict[str, str]) -> None:
    assert not matches(None, given)
    assert matches({}, given)
    assert matches({"matchLabels": {}, "matchExpressions": []}, given)
    assert matches({"matchLabels": None, "matchExpressions": None}, given)


@given(labels, labels)
def test_labels_match_when_all_that_are_asked_for_are_there(wanted: dict[str, str], given: dict[str, str]) -> None:
    assert matches({"matchLabels": wanted}, given) is (wanted.items() <= given.items())


@pytest.mark.parametrize(
    ("selector", "where", "expected"),
    [
        (expression("In", "a", "b"), {"zone": "b"}, True),
        (expression("In", "a", "b"), {"zone": "c"}, False),
        (expression("In", "a"), {}, False),
        (expression("NotIn", "a"), {"zone": "a"}, False),
        (expression("NotIn", "a"), {"zone": "b"}, True),
        (expression("NotIn", "a"), {}, True),
        (expression("Exists"), {"zone": ""}, True),
        (expression("Exists"), {}, False),
        (expression("DoesNotExist"), {}, True),
        (expression("DoesNotExist"), {"zone": ""}, False),
    ],
)
def test_expressions(selector: dict[str, Any], where: dict[str, str], expected: bool) -> None:
    assert matches(selector, where) is expected


def test_labels_and_expressions_have_to_match_both() -> None:
    selector = {"matchLabels": {"app": "x"}, **expression("Exists")}
    assert matches(selector, {"app": "x", "zone": "a"})
    assert not matches(selector, {"app": "x"})
    assert not matches(selector, {"zone": "a"})


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (expression("Near", "a"), "operator Near of the label selector for zone is unknown; known are In, NotIn,"),
        (expression("In"), "operator In of the label selector needs values for zone"),
        (expression("Exists", "a"), "operator Exists of the label selector takes no values for zone"),
        (expression("In", "a", key=""), "an expression of the label selector has no key"),
    ],
)
@pytest.mark.parametrize("where", [{}, {"zone": "a"}])
def test_a_wrong_selector_is_an_error_whatever_the_labels_are(
    selector: dict[str, Any], message: str, where: dict[str, str]
) -> None:
    with pytest.raises(SelectorError, match=message):
        matches({"matchLabels": {"app": "x"}, **selector}, where)
