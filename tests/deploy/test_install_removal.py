"""What is decided about the finalizers of executions when drplan is removed."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.model.names import FINALIZER_EXECUTION
from drplan.install.removal import installed, is_live, refusal, told, without_finalizer
from drplan.install.settings import Settings
from support.plans import execution

Object = dict[str, Any]

RECORDED = {"type": "Recorded", "status": "True", "reason": "Recorded"}


def held(phase: str = "", *, recorded: bool = False, ours: bool = True, others: tuple[str, ...] = ()) -> Object:
    made = execution("pay-1")
    made["metadata"] |= {"namespace": "shop", "finalizers": [*others, FINALIZER_EXECUTION]}
    if phase:
        made["status"] = {"phase": phase, "conditions": [RECORDED] if recorded else []}
        made["status"] |= {"workflowRef": {"name": "pay-x-1", "uid": "u"}} if ours else {}
    return made


@pytest.mark.parametrize(
    ("given", "live"),
    [
        (held(), True),
        (held("Pending"), True),
        (held("Running"), True),
        (held("Succeeded"), True),
        (held("Succeeded", recorded=True), False),
        (held("Failed", recorded=True), False),
        (held("Canceled", ours=False), False),
        (held("Running", ours=False), True),
    ],
    ids=lambda value: str((value.get("status") or {}).get("phase")) if isinstance(value, dict) else str(value),
)
def test_an_execution_is_live_until_its_end_is_in_the_history(given: Object, live: bool) -> None:
    assert is_live(given) is live


def test_an_execution_that_never_began_is_not_live() -> None:
    assert not is_live(execution("pay-1"))


def test_finalizers_of_others_stay() -> None:
    assert without_finalizer(held(others=("a/b",))) == {"metadata": {"finalizers": ["a/b"]}}


def test_a_refusal_says_which_execution_and_what_to_do() -> None:
    (line,) = refusal([held("Running")])
    assert line.startswith("DRPlanExecution shop/pay-1 is Running: ")
    assert "drplan cancel pay-1 -n shop" in line


def test_what_is_done_to_a_live_execution_is_said_in_so_many_words() -> None:
    assert told(held("Succeeded", recorded=True)) == "finalizer removed from DRPlanExecution shop/pay-1"
    assert told(held("Running")) == (
        "finalizer removed from DRPlanExecution shop/pay-1, which is Running: its end is in no history, and its"
        " Workflow pay-x-1 goes on until Argo is told to stop it"
    )


def test_what_asks_the_syncer_goes_before_it_and_its_rights_after_it() -> None:
    order = [kind for _, kind, _, _ in installed(Settings())]
    assert order.index("ValidatingWebhookConfiguration") < order.index("Deployment") < order.index("ClusterRole")
    assert order[-1] == "Namespace"
    assert {"Certificate", "PodDisruptionBudget", "NetworkPolicy", "Secret"} <= set(order)
