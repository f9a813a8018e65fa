"""A namespace on real Argo in which a real syncer works, and the hands of users: what they create, annotate and ask.

hands.plan(lane("db", hands.call("pay", "promote")), name="pay")
hands.hold("pay", "promote")                # its call is not answered before `hands.let_go("pay")`
run = hands.execute("pay")
hands.until_asked("pay", "promote")
hands.argo("stop", hands.workflow(run))
hands.let_go("pay")
assert hands.ended(run)["phase"] == "Cancelled"
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from compiler.model.names import ANNOTATION_FENCE, PREFIX
from support import plans
from support.api_syncer import condition
from support.argo_runs import Api
from support.differential import SERVED

Object = dict[str, Any]
GATE = "go"
LONGEST = 200.0
_POLL = 0.3


def lane(name: str, *actions: Object, **spec: Any) -> Object:
    """A workflow, for a stage of its name."""
    return plans.workflow(name, *actions, **spec)


class Hands:
    """What users do in a namespace.

    Args:
        cluster: the cluster.
        api: the API server, for this namespace.
        site: the API server, for the namespace of the site that plans call.
    """

    def __init__(self, cluster: Any, api: Api, site: Api) -> None:
        self._cluster = cluster
        self.api = api
        self.namespace = api.namespace
        host = SERVED.removeprefix("http://")
        self._served = f"{site.core}/services/{host}:80/proxy"
        self._site = f"{SERVED}.{site.namespace}.svc"

    # --- the site

    def call(self, plan: str, action: str, *, method: str = "PUT", status: str = "200", **fields: Any) -> Object:
        """An action that calls the site, which answers with these statuses one after the other."""
        return plans.http(action, f"{self._site}/act/{plan}/{action}?status={status}", method=method, **fields)

    def hold(self, plan: str, *actions: str) -> None:
        """Have the first call of each of these actions not be answered before they are let go, one after the other."""
        order = [["answered", name, "0"] for name in (GATE, *actions)]
        self.api.call("PUT", f"{self._served}/order/{plan}", order)

    def let_go(self, plan: str) -> None:
        """Have the calls that are held be answered."""
        self.api.call("PUT", f"{self._served}/act/{plan}/{GATE}", {})

    def asked(self, plan: str, action: str) -> int:
        """How often an action has called."""
        found = self.api.call("GET", f"{self._served}/events/{plan}")
        return sum(each["what"] == "asked" and each["action"] == action for each in found)

    def until_asked(self, plan: str, action: str, times: int = 1) -> None:
        """Wait until an action has called so often."""
        self.until(lambda: self.asked(plan, action) >= times, f"{action} of {plan} to call", seconds=LONGEST)

    # --- objects

    def plan(self, *lanes: Object | tuple[Object, ...], name: str, **spec: Any) -> None:
        """Create a plan with a stage for each lane, or for several at once, and wait until it is ready."""
        stages = []
        for each in lanes:
            together = each if isinstance(each, tuple) else (each,)
            names = [f"{name}-{member['metadata']['name']}" for member in together]
            for member, full in zip(together, names, strict=True):
                self._create("drworkflows", {**member, "metadata": {"name": full}})
            fields = {"parallel": True, "failurePolicy": "FailFast"} if len(together) > 1 else {}
            stages.append(plans.stage(together[0]["metadata"]["name"], *names, **fields))
        self.plan_of(stages, name=name, **spec)

    def plan_of(self, stages: list[Object], *, name: str, **spec: Any) -> None:
        """Create a plan of stages whose workflows exist, and wait until it is ready."""
        self._create("drplans", plans.plan(*stages, name=name, **spec))
        self.until(lambda: self.plan_status(name).get("phase") == "Ready", f"plan {name} to be ready")

    def execute(self, plan: str, name: str = "", *, annotations: Mapping[str, str] | None = None, **spec: Any) -> str:
        """Create an execution of a plan; returns its name."""
        name = name or f"{plan}-1"
        made = plans.execution(name, plan=plan, **spec)
        made["metadata"]["annotations"] = {PREFIX + key: value for key, value in (annotations or {}).items()}
        self._create("drplanexecutions", made)
        return name

    def annotate(self, name: str, **annotations: str | None) -> None:
        """Set annotations of ours on an execution; None removes one."""
        given = {PREFIX + key: value for key, value in annotations.items()}
        self.api.patch(self._path("drplanexecutions", name), {"metadata": {"annotations": given}})

    def delete(self, plural: str, name: str) -> None:
        """Delete an object of ours."""
        self.api.call("DELETE", self._path(plural, name))

    def argo(self, *arguments: str) -> str:
        """Call Argo's command line for this namespace."""
        command, *rest = arguments
        return str(self._cluster.argo(command, "-n", self.namespace, *rest))

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Call kubectl for this namespace."""
        return str(self._cluster.kubectl("-n", self.namespace, *arguments, given=given))

    # --- what there is

    def find(self, name: str) -> Object | None:
        """An execution; None when there is none."""
        found: Object | None = self.api.find(self._path("drplanexecutions", name))
        return found

    def status(self, name: str) -> Object:
        """Status of an execution; empty when there is none yet."""
        return (self.find(name) or {}).get("status") or {}

    def condition(self, name: str, kind: str) -> tuple[str, str] | None:
        """Status and reason of a condition of an execution; None when it is not there."""
        return condition(self.status(name), kind)

    def plan_status(self, name: str) -> Object:
        """Status of a plan."""
        return (self.api.find(self._path("drplans", name)) or {}).get("status") or {}

    def history(self, plan: str) -> list[tuple[str, str]]:
        """Name and phase of what a plan remembers, newest first."""
        return [(each["name"], each["phase"]) for each in self.plan_status(plan).get("executionHistory") or ()]

    def fence(self, name: str) -> Object:
        """The fence of an execution; empty as long as there is none."""
        annotations = (self.find(name) or {"metadata": {}})["metadata"].get("annotations") or {}
        fence: Object = json.loads(annotations.get(ANNOTATION_FENCE) or "{}")
        return fence

    def workflow(self, name: str) -> str:
        """Name of the Workflow of an execution, as soon as it is bound to it."""
        self.until(lambda: self.fence(name).get("workflowUID"), f"{name} to be bound to its Workflow")
        return str(self.fence(name)["workflow"])

    def argo_workflow(self, name: str) -> Object | None:
        """An Argo Workflow; None when there is none."""
        found: Object | None = self.api.find(f"{self.api.argo}/workflows/{name}")
        return found

    def events(self, name: str) -> set[str]:
        """Reasons of the Events about an object."""
        found = self.api.call("GET", f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        return {each["reason"] for each in found if each["regarding"]["name"] == name}

    def until(self, holds: Callable[[], Any], what: str, *, seconds: float = LONGEST) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
            time.sleep(_POLL)

    def until_told(self, reason: str, name: str) -> None:
        """Wait for an Event about an object."""
        self.until(lambda: reason in self.events(name), f"event {reason} about {name}")

    def until_condition(
        self, name: str, kind: str, expected: tuple[str, str] | None, *, seconds: float = LONGEST
    ) -> None:
        """Wait until a condition of an execution has this status and reason, or is not there."""
        self.until(
            lambda: self.condition(name, kind) == expected, f"{kind} of {name} to be {expected}", seconds=seconds
        )

    def ended(self, name: str, *, runs: int = 1, epoch: int = 1) -> Object:
        """Status of an execution once its end is recorded."""

        def recorded() -> bool:
            status = self.status(name)
            generation = status.get("epoch", 1), status.get("runs", 1)
            return generation == (epoch, runs) and condition(status, "Recorded") is not None

        try:
            self.until(recorded, f"the end of {name} to be recorded")
        except AssertionError as error:
            raise AssertionError(f"{error}: it is {json.dumps(self.status(name))[:3000]}") from None
        return self.status(name)

    def refused(self, name: str, phase: str, reason: str, *, seconds: float = LONGEST) -> Object:
        """Status of an execution once it has ended without having begun."""
        self.until(lambda: self.status(name).get("phase") == phase, f"{name} to be {phase}", seconds=seconds)
        status = self.status(name)
        assert condition(status, "Accepted") == ("False", reason), status
        return status

    def _create(self, plural: str, value: Object) -> None:
        made = {**value, "metadata": {**value["metadata"], "namespace": self.namespace}}
        self.api.call("POST", self._path(plural), made)

    def _path(self, plural: str, name: str = "") -> str:
        return f"{self.api.ours}/{plural}" + (f"/{name}" if name else "")


def phases(status: Object) -> dict[str, str]:
    """Phases of all actions by key, with the reason of those that were Skipped."""
    return {
        action["key"]: f"{action['phase']} {action['reason']}" if action["phase"] == "Skipped" else action["phase"]
        for each in status["stageStatuses"]
        for use in each["workflowExecutions"]
        for action in use["actionStatuses"]
    }
