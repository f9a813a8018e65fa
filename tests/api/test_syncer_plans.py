"""Plans, workflows, templates and limits on the real API server: statuses follow the objects, whoever writes beside."""

from __future__ import annotations

import asyncio
import math
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compiler.graph.snapshot import Snapshot
from compiler.model.plan import DRPlan
from runner.vocabulary import RUNNER_SERVICE_ACCOUNT
from support import plan_keeper, plans, rights
from support.api_admin import Administrator, Object, path_of, until
from support.api_faults import answer, asks
from support.api_proxy import Certificate
from support.kube_bench import Bench
from support.plan_keeper import Keeper
from syncer.controllers.plans import Plans
from syncer.decide.outcome import Refuse
from syncer.kube.client import Client
from syncer.kube.errors import Conflict
from syncer.kube.resources import Key
from syncer.manifest_values import ManifestValues
from syncer.observed import Observed
from syncer.writing import Writer

pytestmark = pytest.mark.bed

CALL = plans.http("promote", rollback=plans.http("demote"))
RECORDED = {"type": "Recorded", "status": "True", "reason": "Recorded", "message": ""}
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Place:
    """A namespace with plans and workflows in it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.administrator = bench.administrator
        self.namespace = bench.namespace

    def put(self, value: Object, namespace: str = "") -> Object:
        """Create an object."""
        within = namespace or self.namespace
        return self.administrator.create({**value, "metadata": {"name": value["metadata"]["name"]}}, namespace=within)

    def change(self, kind: str, name: str, spec: Object, namespace: str = "") -> None:
        self.administrator.merge(kind, namespace or self.namespace, name, {"spec": spec})

    def status(self, kind: str, name: str) -> Object:
        found = self.administrator.get(kind, self.namespace, name)
        return (found or {}).get("status") or {}

    def show(self, kind: str, name: str, status: Object) -> None:
        """Write a status as others would."""
        self.administrator.merge(kind, self.namespace, name, {"status": status}, part="/status")

    def ready(self, kind: str, name: str) -> tuple[str, str]:
        """Phase of an object, and the reason of its condition Ready."""
        status = self.status(kind, name)
        reasons = [each["reason"] for each in status.get("conditions") or () if each["type"] == "Ready"]
        return status.get("phase", ""), next(iter(reasons), "")

    def wait(self, kind: str, name: str, phase: str, reason: str) -> None:
        until(lambda: self.ready(kind, name) == (phase, reason), f"{kind} {name} to be {phase}: {reason}")

    def wait_for_plan(self, phase: str, reason: str) -> None:
        self.wait("DRPlan", "pay", phase, reason)

    def templates(self) -> dict[str, Object]:
        """The WorkflowTemplates by name."""
        found = self.administrator.list("WorkflowTemplate", self.namespace)
        return {each["metadata"]["name"]: each for each in found}

    def config_maps(self) -> set[str]:
        """Names of the ConfigMaps of specs."""
        found = self.administrator.list("ConfigMap", self.namespace)
        return {each["metadata"]["name"] for each in found if each["metadata"]["name"].startswith("drx-")}


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[Bench]:
    """A namespace; no plan is left in it, for without Kubernetes' own controllers nothing goes with a namespace."""
    with Bench(administrator, certificate, tmp_path) as made:
        yield made
        for kind in ("DRPlan", "DRWorkflow"):
            for each in administrator.list(kind, made.namespace):
                administrator.delete(kind, made.namespace, each["metadata"]["name"])


@pytest.fixture
def place(bench: Bench) -> Iterator[Place]:
    """A namespace with all controllers of this room at work."""
    with Keeper(bench):
        yield Place(bench)


@pytest.fixture
def library(administrator: Administrator) -> Iterator[str]:
    """Another namespace."""
    name = f"library-{uuid.uuid4().hex[:8]}"
    administrator.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    administrator.delete("Namespace", "", name)


def large(url: str, actions: int = 30) -> Object:
    """A workflow whose specs do not fit into a Workflow."""
    calls = (plans.http(f"call-{number}", url=url, body="x" * 15_000) for number in range(actions))
    return plans.workflow("mysql", *calls)


# --- validity


def test_a_plan_that_comes_before_its_workflow_heals_by_itself(place: Place) -> None:
    place.put(plans.plan(plans.stage("db", "mysql")))
    place.wait_for_plan("Invalid", "WorkflowNotFound")
    place.put(plans.workflow("mysql", CALL))
    place.wait("DRWorkflow", "mysql", "Ready", "ValidationSucceeded")
    place.wait_for_plan("Ready", "ValidationSucceeded")
    place.administrator.delete("DRWorkflow", place.namespace, "mysql")
    place.wait_for_plan("Invalid", "WorkflowNotFound")


def test_a_plan_follows_the_faults_of_its_workflow(place: Place) -> None:
    place.put(plans.workflow("mysql", CALL))
    place.put(plans.plan(plans.stage("db", "mysql")))
    place.wait_for_plan("Ready", "ValidationSucceeded")
    place.change("DRWorkflow", "mysql", {"actions": [CALL, CALL]})
    place.wait("DRWorkflow", "mysql", "Invalid", "ValidationFailed")
    place.wait_for_plan("Invalid", "WorkflowNotReady")
    place.change("DRWorkflow", "mysql", {"actions": [CALL]})
    place.wait_for_plan("Ready", "ValidationSucceeded")
    assert place.status("DRPlan", "pay")["observedGeneration"] == 1
    assert place.status("DRWorkflow", "mysql")["observedGeneration"] == 3


def test_a_plan_follows_a_workflow_of_another_namespace(place: Place, library: str) -> None:
    foreign = {"workflowRef": {"name": "mysql", "namespace": library}}
    place.put(plans.plan(plans.stage("db", foreign)))
    place.put(plans.workflow("mysql", CALL))
    place.wait_for_plan("Invalid", "WorkflowNotFound")
    place.put(plans.workflow("mysql", CALL), library)
    place.wait_for_plan("Ready", "ValidationSucceeded")
    place.administrator.delete("DRWorkflow", library, "mysql")
    place.wait_for_plan("Invalid", "WorkflowNotFound")


def test_suspending_a_plan_leaves_it_valid(place: Place) -> None:
    place.put(plans.workflow("mysql", CALL))
    place.put(plans.plan(plans.stage("db", "mysql")))
    place.wait_for_plan("Ready", "ValidationSucceeded")
    place.change("DRPlan", "pay", {"suspend": True})
    place.wait_for_plan("Ready", "Suspended")
    place.change("DRPlan", "pay", {"suspend": False})
    place.wait_for_plan("Ready", "ValidationSucceeded")


def test_what_others_keep_in_the_status_of_a_plan_stays_while_both_write(place: Place) -> None:
    place.put(plans.workflow("mysql", CALL))
    place.put(plans.plan(plans.stage("db", "mysql")))
    place.wait_for_plan("Ready", "ValidationSucceeded")
    entry = {"name": "pay-1", "namespace": place.namespace, "operationType": "Execute", "phase": "Succeeded"}
    stop = threading.Event()
    written: list[int] = []

    def keep_history() -> None:
        while not stop.is_set():
            written.append(len(written))
            history = [{**entry, "message": str(written[-1])}]
            place.show("DRPlan", "pay", {"executionHistory": history, "lastExecutionRef": f"pay-{written[-1]}"})

    other = threading.Thread(target=keep_history)
    other.start()
    try:
        for _ in range(10):
            place.change("DRPlan", "pay", {"suspend": True})
            place.wait_for_plan("Ready", "Suspended")
            place.change("DRPlan", "pay", {"suspend": False})
            place.wait_for_plan("Ready", "ValidationSucceeded")
    finally:
        stop.set()
        other.join()

    status = place.status("DRPlan", "pay")
    assert status["executionHistory"] == [{**entry, "message": str(written[-1])}]
    assert status["lastExecutionRef"] == f"pay-{written[-1]}"


def test_a_verdict_on_a_plan_that_has_changed_meanwhile_is_not_written(bench: Bench) -> None:
    place = Place(bench)
    place.put(plans.plan(plans.stage("db", "mysql")))
    history = {"lastExecutionRef": "pay-1"}

    async def scenario(client: Client) -> None:
        observed = Observed(client, namespace=place.namespace)
        informers = [asyncio.create_task(informer.run()) for informer in observed.informers]
        await observed.wait()
        for informer in informers:
            informer.cancel()
        await asyncio.gather(*informers, return_exceptions=True)
        place.show("DRPlan", "pay", history)
        with pytest.raises(Conflict):
            await Plans(observed, Writer(client, observed, check=lambda: None)).reconcile(Key(place.namespace, "pay"))

    plan_keeper.run(bench, scenario)
    assert place.status("DRPlan", "pay") == history


def test_an_executed_plan_stays_executed_when_it_heals_and_shows_who_holds_it(place: Place) -> None:
    place.put(plans.workflow("mysql", CALL))
    place.put(plans.plan(plans.stage("db", "mysql")))
    place.wait_for_plan("Ready", "ValidationSucceeded")
    entry = {"name": "pay-1", "namespace": place.namespace, "operationType": "Execute", "phase": "Succeeded"}
    held = {"name": "pay-2", "namespace": place.namespace, "uid": "u2"}
    place.show("DRPlan", "pay", {"phase": "Executed", "executionHistory": [entry], "currentExecution": held})

    def executing() -> list[str]:
        conditions = place.status("DRPlan", "pay")["conditions"]
        return [each["reason"] for each in conditions if each["type"] == "Executing"]

    until(lambda: executing() == ["ExecutionRunning"], "the plan to show who holds it")
    place.administrator.delete("DRWorkflow", place.namespace, "mysql")
    place.wait_for_plan("Invalid", "WorkflowNotFound")
    place.put(plans.workflow("mysql", CALL))
    place.wait_for_plan("Executed", "ValidationSucceeded")
    place.show("DRPlan", "pay", {"currentExecution": None})
    until(lambda: executing() == ["Idle"], "the plan to show that nobody holds it")
    assert place.status("DRPlan", "pay")["executionHistory"] == [entry]


def test_statuses_that_an_older_controller_wrote_are_taken_over(bench: Bench) -> None:
    place = Place(bench)
    ready = {"type": "Ready", "status": "True", "reason": "ValidationSucceeded", "message": "old"}
    old = {"phase": "Executed", "observedGeneration": 1, "lastExecutionRef": "pay-1"}
    place.put(plans.workflow("mysql", CALL))
    place.put(plans.plan(plans.stage("db", "mysql")))
    place.show("DRWorkflow", "mysql", {"phase": "Ready", "observedGeneration": 1})
    place.show("DRPlan", "pay", {**old, "conditions": [{**ready, "lastTransitionTime": "2025-01-01T00:00:00Z"}]})
    with Keeper(bench):
        until(lambda: len(place.status("DRPlan", "pay")["conditions"]) == 2, "the plan to be judged again")

    status = place.status("DRPlan", "pay")
    assert {name: status[name] for name in old} == old
    assert status["conditions"][0]["lastTransitionTime"] == "2025-01-01T00:00:00Z"


# --- templates


def test_a_template_comes_changes_and_goes_with_its_plan(place: Place) -> None:
    place.put(plans.workflow("mysql", CALL))
    plan = place.put(plans.plan(plans.stage("db", "mysql")))
    until(lambda: place.templates().keys() == {"pay"}, "the template")
    first = place.templates()["pay"]["metadata"]
    assert [owner["uid"] for owner in first["ownerReferences"]] == [plan["metadata"]["uid"]]

    hash_of = "dr.bkbcs.tencent.com/compiled-hash"
    place.change("DRWorkflow", "mysql", {"actions": [{**CALL, "name": "other"}]})
    until(
        lambda: place.templates()["pay"]["metadata"]["annotations"][hash_of] != first["annotations"][hash_of],
        "a new one",
    )
    assert place.templates()["pay"]["metadata"]["uid"] == first["uid"]
    assert "a-1-other" in str(place.templates()["pay"]["spec"])
    assert "a-1-promote" not in str(place.templates()["pay"]["spec"])

    place.change("DRPlan", "pay", {"suspend": True})
    until(lambda: not place.templates(), "the template of a suspended plan to go")
    place.change("DRPlan", "pay", {"suspend": False})
    until(lambda: place.templates().keys() == {"pay"}, "the template to come back")


def test_where_argo_is_not_installed_plans_are_judged_and_have_no_templates(bench: Bench) -> None:
    place, proxy = Place(bench), bench.proxy()
    proxy.fault(asks("GET", "/workflowtemplates"), answer(404, body=b"404 page not found\n"), times=math.inf)
    with Keeper(bench, proxy=proxy):
        place.put(plans.workflow("mysql", CALL))
        place.put(plans.plan(plans.stage("db", "mysql")))
        place.wait_for_plan("Ready", "ValidationSucceeded")
        proxy.wait_for(1, "GET", "/workflowtemplates")
        place.change("DRPlan", "pay", {"suspend": True})
        place.wait_for_plan("Ready", "Suspended")
        assert not place.templates()


def test_a_plan_with_conditions_on_the_mode_has_a_template_for_each(place: Place) -> None:
    place.put(plans.workflow("mysql", {**CALL, "when": 'mode == "install" || mode == "upgrade"'}))
    place.put(plans.plan(plans.stage("db", "mysql")))
    until(lambda: place.templates().keys() == {"pay-install", "pay-upgrade"}, "a template a mode")
    place.change("DRWorkflow", "mysql", {"actions": [CALL]})
    until(lambda: place.templates().keys() == {"pay"}, "one template")


def test_a_template_that_is_not_the_plans_is_left_alone(place: Place) -> None:
    spec = {"entrypoint": "x", "templates": [{"name": "x", "container": {"image": "x", "command": ["x"]}}]}
    foreign = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": "pay"},
        "spec": spec,
    }
    before = place.put(foreign)
    place.put(plans.workflow("mysql", CALL))
    place.put(plans.plan(plans.stage("db", "mysql")))
    place.put(plans.plan(plans.stage("db", "mysql"), name="other"))
    until(lambda: "other" in place.templates(), "the template of the other plan")
    place.wait_for_plan("Ready", "ValidationSucceeded")

    assert place.templates()["pay"] == before


def test_the_config_maps_of_a_large_template_change_and_go_with_it(place: Place) -> None:
    place.put(large("http://one.example/"))
    plan = place.put(plans.plan(plans.stage("db", "mysql")))
    until(lambda: place.templates().keys() == {"pay"}, "the template")
    first = place.config_maps()
    assert len(first) == 1
    (owner,) = place.administrator.get("ConfigMap", place.namespace, *first)["metadata"]["ownerReferences"]  # type: ignore[index]
    assert owner["uid"] == plan["metadata"]["uid"]

    place.change("DRWorkflow", "mysql", large("http://two.example/")["spec"])
    until(lambda: len(place.config_maps()) == 1 and place.config_maps() != first, "the new ConfigMap alone")
    place.change("DRPlan", "pay", {"suspend": True})
    until(lambda: not place.templates() and not place.config_maps(), "all to be gone")


def test_config_maps_that_a_run_may_still_mount_are_handed_over_to_it(place: Place) -> None:
    place.put(large("http://one.example/"))
    place.put(plans.plan(plans.stage("db", "mysql")))
    until(lambda: place.templates().keys() == {"pay"}, "the template")
    (first,) = place.config_maps()
    metadata = {"name": "pay-abcde", "labels": {"dr.bkbcs.tencent.com/plan": "pay"}}
    run = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata}
    spec = {"workflowTemplateRef": {"name": "pay"}}
    live = place.administrator.create({**run, "spec": spec}, namespace=place.namespace)
    # Another plan's change is seen after the run is.
    place.put(plans.plan(plans.stage("db", "mysql"), name="later"))
    until(lambda: "later" in place.templates(), "the run to be in view")

    place.change("DRWorkflow", "mysql", large("http://two.example/")["spec"])

    def owners() -> list[str]:
        found = place.administrator.get("ConfigMap", place.namespace, first)
        assert found is not None
        return [each["uid"] for each in found["metadata"]["ownerReferences"]]

    until(lambda: owners() == [live["metadata"]["uid"]], "the old ConfigMap to be the run's")


# --- limits


def execution(place: Place, name: str, minute: int, **fields: Any) -> None:
    """A finished execution."""
    place.put(plans.execution(name, **fields))
    ended = {"startTime": f"2025-11-24T08:{minute:02}:00Z", "completionTime": f"2025-11-24T08:{minute:02}:30Z"}
    recorded = [{**RECORDED, "lastTransitionTime": ended["completionTime"]}]
    place.show("DRPlanExecution", name, {"phase": "Succeeded", **ended, "conditions": recorded})


def names(place: Place) -> set[str]:
    return {each["metadata"]["name"] for each in place.administrator.list("DRPlanExecution", place.namespace)}


def test_finished_executions_go_when_they_are_too_many_or_have_expired(place: Place) -> None:
    place.put(plans.workflow("mysql", CALL))
    place.put(plans.plan(plans.stage("db", "mysql"), executionsHistoryLimit=2))
    for number in range(4):
        execution(place, f"pay-{number}", number)
    place.put(plans.execution("pay-live"))
    until(lambda: names(place) == {"pay-2", "pay-3", "pay-live"}, "the oldest to be gone")
    execution(place, "pay-short", 9, ttlSecondsAfterFinished=0)
    until(lambda: "pay-short" not in names(place), "the expired one to be gone")
    assert names(place) == {"pay-2", "pay-3", "pay-live"}


# --- values from objects


class Reader:
    """A service account that may impersonate the runner's, or not, and a namespace with objects to read."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.namespace = bench.namespace

    def read(self, *params: Object, spec: Object | None = None) -> dict[str, str] | str:
        """Values that the parameters of a plan have, or what refuses the execution."""
        answers: list[Any] = []

        async def scenario(client: Client) -> None:
            value = plans.plan(plans.stage("db", "mysql"), globalParams=list(params), **(spec or {}))
            given = DRPlan.model_validate({**value, "metadata": {"name": "pay", "namespace": self.namespace}})
            answers.append(await ManifestValues(client)(Snapshot(plan=given, workflows={})))

        plan_keeper.run(self.bench, scenario)
        answer = answers[0]
        return answer.message if isinstance(answer, Refuse) else dict(answer)


def reading(**reference: str) -> Object:
    """The parameter `x`, which reads an object."""
    given = {"apiVersion": "v1", "kind": "ConfigMap", "jsonPath": "{.data.x}", **reference}
    return {"name": "x", "valueFrom": {"manifestRef": given}}


@pytest.fixture
def reader(bench: Bench) -> Reader:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": RUNNER_SERVICE_ACCOUNT}}
    bench.administrator.create(account, namespace=bench.namespace)
    rights.grant(bench.administrator, rights.rule("configmaps", "get", "list"), to=bench.namespace)
    for name, value in (("a", "1"), ("b", "2")):
        bench.keep(name, labels={"app": "db"}, x=value)
    return Reader(bench)


def test_a_value_is_read_with_the_rights_of_the_runner(reader: Reader) -> None:
    here = reader.namespace

    assert reader.read(reading(namespace=here, name="a")) == {"Plan/x": "1"}
    assert reader.read(reading(namespace="$(namespace)", name="a")) == {"Plan/x": "1"}
    assert reader.read(reading(namespace=here, labelSelector="app=db", select="First"))  # both were made in one second
    assert reader.read(reading(namespace=here, labelSelector="app=db", select="Any")) == {"Plan/x": "1"}
    assert reader.read(reading(namespace=here, labelSelector="app=db", select="Single")) == (
        'resolving plan global params: resolving param "x": expected single match, got 2'
    )


def test_what_the_runner_may_not_read_is_not_read_although_the_syncer_could(reader: Reader) -> None:
    namespace = reader.namespace
    account = f"system:serviceaccount:{namespace}:{RUNNER_SERVICE_ACCOUNT}"

    found = reader.read(reading(namespace="kube-system", name="kube-root-ca.crt"))
    anywhere = reader.read(reading(labelSelector="app=db"))

    assert isinstance(found, str)
    assert found.startswith(
        'resolving plan global params: resolving param "x": get /v1, Resource=configmaps/kube-system/kube-root-ca.crt: '
    )
    assert f'User "{account}" cannot get resource "configmaps"' in found
    assert found.endswith(f"; grant it to service account {namespace}/{RUNNER_SERVICE_ACCOUNT}")
    assert isinstance(anywhere, str)
    assert f'User "{account}" cannot list resource "configmaps" in API group "" at the cluster scope' in anywhere


def test_a_secret_is_never_read_whatever_the_runner_may(reader: Reader) -> None:
    rights.revoke(reader.bench.administrator, to=reader.namespace, namespace=reader.namespace)
    rights.grant(reader.bench.administrator, rights.rule("secrets", "get"), to=reader.namespace)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"x": "1"}}
    reader.bench.administrator.create(secret, namespace=reader.namespace)

    answer = reader.read(reading(kind="Secret", namespace=reader.namespace, name="s"))

    assert answer == (
        'resolving plan global params: resolving param "x": a Secret cannot be read into a parameter; use secretKeyRef'
    )


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ({"kind": "Gizmo", "name": "a"}, "mapping GVK /v1, Kind=Gizmo: the API server has no such kind"),
        (
            {"apiVersion": "none.example/v1", "kind": "Gizmo", "name": "a"},
            "mapping GVK none.example/v1, Kind=Gizmo: the API server has no such kind",
        ),
        ({"name": "c"}, 'no resource found for /v1, Resource=configmaps/{ns}/c (selector="")'),
        ({"labelSelector": "app=none"}, 'no resource found for /v1, Resource=configmaps/{ns}/ (selector="app=none")'),
        ({"name": "a", "jsonPath": "{.data.y}"}, 'jsonPath execution failed for "{.data.y}": y is not found'),
    ],
)
def test_what_is_not_there_refuses_the_execution(reader: Reader, reference: dict[str, str], problem: str) -> None:
    answer = reader.read(reading(namespace=reader.namespace, **reference))

    expected = problem.replace("{ns}", reader.namespace)
    assert answer == f'resolving plan global params: resolving param "x": {expected}'


def test_a_selector_that_is_none_refuses_the_execution(reader: Reader) -> None:
    answer = reader.read(reading(namespace=reader.namespace, labelSelector="a=b=c"))

    assert isinstance(answer, str)
    assert f"list /v1, Resource=configmaps in {reader.namespace}: found '='" in answer
    assert answer.endswith('(selector="a=b=c")')


def test_without_the_right_to_impersonate_the_execution_is_refused_with_what_to_do(reader: Reader) -> None:
    administrator, namespace = reader.bench.administrator, reader.namespace
    administrator.ask("DELETE", f"{RBAC}/clusterrolebindings/{namespace}")
    view = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "namespace": namespace, "name": "controller"}
    path = path_of("ClusterRoleBinding", "")
    administrator.ask("POST", path, {"metadata": {"name": namespace}, "roleRef": view, "subjects": [subject]})

    def answer() -> str:
        found = reader.read(reading(namespace=namespace, name="a"))
        return found if isinstance(found, str) else ""

    until(lambda: "may not impersonate" in answer(), "the right to be gone")
    assert answer() == (
        'resolving plan global params: resolving param "x": mapping GVK /v1, Kind=ConfigMap: objects are read with the '
        f"rights of service account {namespace}/{RUNNER_SERVICE_ACCOUNT}, which the syncer may not impersonate; grant "
        "it that, or give the parameter a value"
    )


def test_a_plan_with_a_service_account_of_its_own_is_read_with_that_ones_rights(reader: Reader) -> None:
    answer = reader.read(reading(namespace=reader.namespace, name="a"), spec={"serviceAccountName": "other"})

    assert isinstance(answer, str)
    assert f'User "system:serviceaccount:{reader.namespace}:other" cannot get resource "configmaps"' in answer
