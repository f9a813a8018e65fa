"""The installed webhooks and policies name what the code names."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from compiler.model import names
from support.command import ROOT
from syncer.admission.review import CLEANERS, KINDS, STAMPED
from syncer.admission.self_signed import CONFIGURATION, SERVICE
from syncer.admission.server import path_of

FOLDER = ROOT / "deploy" / "syncer"
PLURALS = {kind: f"{kind.lower()}s" for kind in KINDS}

Object = dict[str, Any]


def documents(name: str) -> list[Object]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


VALIDATING, MUTATING = documents("webhooks.yaml")
POLICY, BINDING = documents("admission-policies.yaml")


@pytest.mark.parametrize(
    ("configuration", "kinds", "letter", "verb", "operations"),
    [
        (VALIDATING, KINDS, "v", "validate", ["CREATE", "UPDATE", "DELETE"]),
        (MUTATING, STAMPED, "m", "mutate", ["CREATE"]),
    ],
)
def test_each_kind_has_its_webhook(
    configuration: Object, kinds: tuple[str, ...], letter: str, verb: str, operations: list[str]
) -> None:
    assert configuration["metadata"]["name"] == CONFIGURATION
    assert [each["name"] for each in configuration["webhooks"]] == [f"{letter}{kind.lower()}.kb.io" for kind in kinds]
    for kind, webhook in zip(kinds, configuration["webhooks"], strict=True):
        assert webhook["clientConfig"]["service"]["name"] == SERVICE
        assert webhook["clientConfig"]["service"]["path"] == path_of(verb, kind)
        (rule,) = webhook["rules"]
        assert (rule["apiGroups"], rule["apiVersions"]) == ([names.GROUP], [names.VERSION])
        assert (rule["resources"], rule["operations"]) == ([PLURALS[kind]], operations)
        assert (webhook["failurePolicy"], webhook["sideEffects"]) == ("Fail", "None")


def test_what_cleans_up_is_the_same_for_the_api_server_and_for_the_review() -> None:
    for webhook in VALIDATING["webhooks"]:
        (condition,) = (each for each in webhook["matchConditions"] if each["name"] == "is-not-cleaned-up")
        assert {word for word in condition["expression"].split('"') if word.startswith("system:")} == CLEANERS


def test_the_policy_guards_the_annotations_that_users_must_not_write() -> None:
    guarded = (names.ANNOTATION_FENCE, names.ANNOTATION_STARTED_UID, names.ANNOTATION_REQUESTED_BY)

    assert len(POLICY["spec"]["validations"]) == len(guarded)
    for annotation, validation in zip(guarded, POLICY["spec"]["validations"], strict=True):
        assert validation["expression"].count(f'"{annotation}"') == 2
        assert f"annotation {annotation} " in validation["message"]
    assert BINDING["spec"] == {"policyName": POLICY["metadata"]["name"], "validationActions": ["Deny"]}
