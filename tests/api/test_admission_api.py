"""Admission behind a real API server: what kubectl prints, and what holds while nobody answers."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.admission_bench import SYNCER, AdmissionBench, denial
from support.api_admin import Administrator, until
from support.api_proxy import Certificate
from support.plans import execution, http, plan, stage, workflow

pytestmark = pytest.mark.bed

UNDONE = {"http": {"url": "http://site.example/undo"}}
MYSQL = workflow("mysql", http("promote", rollback=UNDONE))
PLAN = plan(stage("db", "mysql"))
PREFIX = "dr.bkbcs.tencent.com/"
REVIEWS = 200

Object = dict[str, Any]
Status = Callable[..., None]


@pytest.fixture(scope="module")
def bench(
    administrator: Administrator, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AdmissionBench]:
    with AdmissionBench(administrator, certificate, tmp_path_factory.mktemp("admission")) as made:
        yield made


@pytest.fixture
def namespace(bench: AdmissionBench) -> str:
    return bench.namespace("admission")


@pytest.fixture
def ready(bench: AdmissionBench, namespace: str) -> str:
    """A namespace with a plan that is ready."""
    bench.apply(MYSQL, PLAN, namespace=namespace)
    put_status(bench, namespace, "drworkflow", "mysql", phase="Ready")
    put_status(bench, namespace, "drplan", "pay", phase="Ready")
    return namespace


def put_status(bench: AdmissionBench, namespace: str, kind: str, name: str, **status: Any) -> None:
    """Write a status as the syncer does, and wait until admission has seen it."""
    bench.patch(kind, name, {"status": status}, namespace=namespace, part="status")
    time.sleep(0.2)


def seen(bench: AdmissionBench, refused: Callable[[], bool]) -> None:
    """Wait until admission has seen what was written a moment ago."""
    until(refused, "admission to see it")


def dry_run(bench: AdmissionBench, obj: Object, *, namespace: str) -> str:
    """What creating an object would come to."""
    given = {**obj, "metadata": {"name": obj["metadata"]["name"]}}
    made = bench.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", given=given, fails=None)
    return made.err


def test_a_plan_may_come_before_its_workflow_and_says_so(bench: AdmissionBench, namespace: str) -> None:
    said = bench.apply(PLAN, namespace=namespace)

    assert said.out == "drplan.dr.bkbcs.tencent.com/pay created"
    assert said.err == f"Warning: stage[0] 'db' workflow[0]: workflow {namespace}/mysql not found"


def test_a_plan_that_breaks_rules_is_refused_with_all_of_them(bench: AdmissionBench, namespace: str) -> None:
    broken = plan(stage("db", "mysql", dependsOn=["db", "net"]), stage("db", "mysql"))
    bench.apply(MYSQL, namespace=namespace)

    said = bench.apply(broken, namespace=namespace, fails=True)

    assert denial(said) == (
        'admission webhook "vdrplan.kb.io" denied the request: validation failed: '
        "[stage[1]: duplicate stage name 'db' stage[0] 'db': cannot depend on itself "
        "stage[0] 'db': depends on non-existent stage 'net']"
    )
    assert "(Forbidden)" in said.err


def test_a_workflow_that_breaks_rules_is_refused(bench: AdmissionBench, namespace: str) -> None:
    said = bench.apply(workflow("mysql", http("a"), http("a")), namespace=namespace, fails=True)

    assert denial(said) == (
        'admission webhook "vdrworkflow.kb.io" denied the request: validation failed: '
        "[action[1]: duplicate action name 'a']"
    )


def test_a_change_is_judged_like_a_new_object(bench: AdmissionBench, ready: str) -> None:
    stages = [{"name": "db", "dependsOn": ["nowhere"], "workflows": [{"workflowRef": {"name": "mysql"}}]}]

    said = bench.patch("drplan", "pay", {"spec": {"stages": stages}}, namespace=ready, fails=True)

    assert denial(said) == (
        'admission webhook "vdrplan.kb.io" denied the request: validation failed: '
        "[stage[0] 'db': depends on non-existent stage 'nowhere']"
    )


def test_a_workflow_that_a_plan_uses_is_not_deleted(bench: AdmissionBench, ready: str) -> None:
    said = bench.kubectl("delete", "-n", ready, "drworkflow", "mysql", fails=True)

    assert denial(said) == (
        'admission webhook "vdrworkflow.kb.io" denied the request: '
        f"cannot delete DRWorkflow {ready}/mysql: referenced by DRPlan(s): [{ready}/pay]"
    )
    assert "Warning: Workflow is referenced by 1 plan(s)" in said.err
    bench.kubectl("delete", "-n", ready, "drplan", "pay")
    seen(bench, lambda: not bench.kubectl("delete", "-n", ready, "drworkflow", "mysql", fails=None).code)


def test_a_workflow_that_a_plan_of_another_namespace_uses_is_not_deleted_one_by_one_or_with_all(
    bench: AdmissionBench, namespace: str
) -> None:
    other = bench.namespace("admission-other")
    bench.apply(MYSQL, namespace=namespace)
    far = plan(stage("db", {"workflowRef": {"name": "mysql", "namespace": namespace}}))
    bench.apply(far, namespace=other)
    refusal = f"cannot delete DRWorkflow {namespace}/mysql: referenced by DRPlan(s): [{other}/pay]"

    seen(bench, lambda: refusal in bench.kubectl(*_deleting(namespace, "mysql"), fails=None).err)
    assert refusal in bench.kubectl(*_deleting(namespace, "mysql"), fails=True).err
    path = f"/apis/dr.bkbcs.tencent.com/v1alpha1/namespaces/{namespace}/drworkflows"
    with pytest.raises(AssertionError, match="referenced by DRPlan"):
        bench.administrator.ask("DELETE", path)


def _deleting(namespace: str, name: str) -> tuple[str, ...]:
    return "delete", "-n", namespace, "drworkflow", name, "--dry-run=server"


def test_a_plan_with_a_live_execution_is_not_deleted(bench: AdmissionBench, ready: str) -> None:
    bench.apply(execution(), namespace=ready)
    refusal = f"cannot delete DRPlan {ready}/pay: has running executions: [{ready}/pay-1 (phase=)]"
    seen(bench, lambda: bench.kubectl("delete", "-n", ready, "drplan", "pay", "--dry-run=server", fails=None).code)

    said = bench.kubectl("delete", "-n", ready, "drplan", "pay", fails=True)
    assert denial(said) == f'admission webhook "vdrplan.kb.io" denied the request: {refusal}'

    holder = {"name": "pay-1", "namespace": ready, "operationType": "Execute"}
    put_status(bench, ready, "drplanexecution", "pay-1", phase="Running")
    put_status(bench, ready, "drplan", "pay", phase="Ready", currentExecution=holder)
    said = bench.kubectl("delete", "-n", ready, "drplan", "pay", fails=True)
    assert denial(said) == (
        'admission webhook "vdrplan.kb.io" denied the request: '
        f"cannot delete plan with running execution: {ready}/pay-1"
    )

    bench.kubectl("delete", "-n", ready, "drplanexecution", "pay-1")
    seen(bench, lambda: not bench.kubectl("delete", "-n", ready, "drplan", "pay", fails=None).code)


def test_a_second_execution_is_refused_while_the_first_one_lives(bench: AdmissionBench, ready: str) -> None:
    bench.apply(execution(), namespace=ready)
    refusal = (
        'admission webhook "vdrplanexecution.kb.io" denied the request: validation failed: '
        f"[plan pay already has a running execution: {ready}/pay-1]"
    )

    seen(bench, lambda: refusal in dry_run(bench, execution("pay-2"), namespace=ready))
    assert denial(bench.apply(execution("pay-2"), namespace=ready, fails=True)) == refusal
    put_status(bench, ready, "drplanexecution", "pay-1", phase="Succeeded")
    seen(bench, lambda: not dry_run(bench, execution("pay-2"), namespace=ready))
    bench.apply(execution("pay-2"), namespace=ready)


def test_an_execution_of_a_plan_that_is_not_there_or_not_ready_is_refused(
    bench: AdmissionBench, namespace: str
) -> None:
    said = bench.apply(execution(), namespace=namespace, fails=True)
    assert denial(said) == (
        'admission webhook "vdrplanexecution.kb.io" denied the request: validation failed: '
        f"[plan pay not found: there is no DRPlan of that name in namespace {namespace}]"
    )

    bench.apply(MYSQL, PLAN, namespace=namespace)
    put_status(bench, namespace, "drplan", "pay", phase="Invalid")
    seen(bench, lambda: "is not ready (phase=Invalid)" in dry_run(bench, execution(), namespace=namespace))


def test_the_spec_of_an_execution_does_not_change(bench: AdmissionBench, ready: str) -> None:
    bench.apply(execution(), namespace=ready)

    said = bench.patch("drplanexecution", "pay-1", {"spec": {"mode": "Install"}}, namespace=ready, fails=True)

    assert "cannot modify spec after creation" in said.err


def test_a_running_execution_is_deleted_with_a_warning(bench: AdmissionBench, ready: str) -> None:
    bench.apply(execution(), namespace=ready)
    put_status(bench, ready, "drplanexecution", "pay-1", phase="Running")

    said = bench.kubectl("delete", "-n", ready, "drplanexecution", "pay-1")

    assert said.err == "Warning: Deleting a running execution may leave resources in inconsistent state"


def test_who_asked_for_an_execution_is_written_down_and_cannot_be_changed(bench: AdmissionBench, ready: str) -> None:
    claimed = execution()
    claimed["metadata"]["annotations"] = {f"{PREFIX}requested-by": "somebody-else", "mine": "kept"}
    bench.apply(claimed, namespace=ready)

    made = _execution(bench, ready)["metadata"]["annotations"]
    assert made[f"{PREFIX}requested-by"] == "admin"
    assert made["mine"] == "kept"

    change = {"metadata": {"annotations": {f"{PREFIX}requested-by": "somebody-else"}}}
    said = bench.patch("drplanexecution", "pay-1", change, namespace=ready, fails=True)
    assert f"annotation {PREFIX}requested-by says who asked for the execution and does not change" in said.err


def test_a_dry_run_leaves_nothing(bench: AdmissionBench, ready: str) -> None:
    assert dry_run(bench, execution(), namespace=ready) == ""
    assert dry_run(bench, execution(), namespace=ready) == ""
    assert bench.administrator.get("DRPlanExecution", ready, "pay-1") is None


def test_only_the_syncer_writes_the_fence_and_whose_start_it_was(bench: AdmissionBench, ready: str) -> None:
    bench.apply(execution(), namespace=ready)

    for value in ("first", "second"):
        _as_syncer(bench, ready, fence=value, **{"started-uid": value})
        for name in ("fence", "started-uid"):
            for wanted in ("forged", None):
                change = {"metadata": {"annotations": {f"{PREFIX}{name}": wanted}}}
                said = bench.patch("drplanexecution", "pay-1", change, namespace=ready, fails=True)
                assert f"annotation {PREFIX}{name} is written by the syncer alone" in said.err
    bench.patch("drplanexecution", "pay-1", {"metadata": {"annotations": {"mine": "1"}}}, namespace=ready)
    annotations = _execution(bench, ready)["metadata"]["annotations"]
    assert (annotations[f"{PREFIX}fence"], annotations["mine"]) == ("second", "1")


def test_a_copy_from_a_backup_comes_back_with_what_the_syncer_wrote_on_it(
    bench: AdmissionBench, namespace: str
) -> None:
    copy = execution()
    copy["metadata"]["annotations"] = {f"{PREFIX}started-uid": "before", f"{PREFIX}fence": "{}"}

    said = bench.kubectl("create", "-n", namespace, "-f", "-", given={**copy, "metadata": _without(copy)})

    assert "is a copy of one that started as uid before" in said.err
    assert _execution(bench, namespace)["metadata"]["annotations"][f"{PREFIX}started-uid"] == "before"


def test_while_nobody_answers_policies_hold_metadata_change_and_nothing_new_comes(
    bench: AdmissionBench, ready: str, certificate: Certificate
) -> None:
    bench.apply(execution(), namespace=ready)
    _as_syncer(bench, ready, fence="open")
    bench.patch("drplanexecution", "pay-1", {"metadata": {"finalizers": ["a.example/b"]}}, namespace=ready)
    bench.stop(signal.SIGKILL)
    try:
        said = bench.apply(execution("pay-2"), namespace=ready, fails=True)
        assert "failed calling webhook" in said.err
        for kind, name in (("drplan", "pay"), ("drworkflow", "mysql")):
            said = bench.kubectl("delete", "-n", ready, kind, name, fails=True)
            assert f'failed calling webhook "v{kind}.kb.io"' in said.err
            bench.kubectl("label", "-n", ready, kind, name, "a=b")
        for name in ("fence", "requested-by", "started-uid"):
            change = {"metadata": {"annotations": {f"{PREFIX}{name}": "x"}}}
            said = bench.patch("drplanexecution", "pay-1", change, namespace=ready, fails=True)
            assert "ValidatingAdmissionPolicy 'drplan-execution-annotations'" in said.err
        said = bench.patch("drplanexecution", "pay-1", {"spec": {"force": True}}, namespace=ready, fails=True)
        assert "cannot modify spec after creation" in said.err
        bench.patch("drplanexecution", "pay-1", {"metadata": {"finalizers": []}}, namespace=ready)
        bench.kubectl("annotate", "-n", ready, "drplanexecution", "pay-1", f"{PREFIX}cancel=true")
        assert _execution(bench, ready)["metadata"]["annotations"][f"{PREFIX}cancel"] == "true"
        for kind, name in (("drplanexecution", "pay-1"), ("drworkflow", "mysql"), ("drplan", "pay")):
            _as_namespace_controller(bench, "delete", "-n", ready, kind, name)
    finally:
        bench.start()
        bench.install(certificate.authority.read_bytes())


def test_what_kubernetes_cleans_up_goes_although_it_is_used(bench: AdmissionBench, ready: str) -> None:
    bench.apply(execution(), namespace=ready)
    seen(bench, lambda: bench.kubectl("delete", "-n", ready, "drplan", "pay", "--dry-run=server", fails=None).code)

    for kind, name in (("drplan", "pay"), ("drworkflow", "mysql"), ("drplanexecution", "pay-1")):
        _as_namespace_controller(bench, "delete", "-n", ready, kind, name)


def test_in_a_namespace_that_is_being_deleted_everybody_may_delete(bench: AdmissionBench, ready: str) -> None:
    bench.apply(execution(), namespace=ready)
    seen(bench, lambda: bench.kubectl("delete", "-n", ready, "drplan", "pay", "--dry-run=server", fails=None).code)
    bench.kubectl("delete", "-n", ready, "drworkflow", "mysql", fails=True)

    bench.kubectl("delete", "namespace", ready, "--wait=false")

    for kind, name in (("drworkflow", "mysql"), ("drplan", "pay"), ("drplanexecution", "pay-1")):
        bench.kubectl("delete", "-n", ready, kind, name)


def test_a_certificate_is_replaced_while_it_serves(
    bench: AdmissionBench, ready: str, certificate: Certificate, tmp_path: Path
) -> None:
    new = Certificate.made(tmp_path / "new")
    answered = len(bench.answers)
    try:
        bench.show(new)
        # Only the new one is trusted from here on: what is answered is answered with it.
        bench.install(new.authority.read_bytes())
        assert dry_run(bench, execution(), namespace=ready) == ""
        assert len(bench.answers) > answered
    finally:
        bench.show(certificate)
        bench.install(certificate.authority.read_bytes())


def test_a_broken_certificate_is_not_shown(bench: AdmissionBench, ready: str, certificate: Certificate) -> None:
    (bench.folder / "tls.crt").write_text("this is none")
    time.sleep(0.5)
    try:
        assert dry_run(bench, execution(), namespace=ready) == ""
    finally:
        bench.show(certificate)


def test_the_largest_objects_are_compared_and_judged_in_time(bench: AdmissionBench, namespace: str) -> None:
    path = f"/apis/dr.bkbcs.tencent.com/v1alpha1/namespaces/{namespace}/drworkflows"
    actions = [http(f"a{number}", body="x" * 250, method="POST") for number in range(1500)]
    metadata = {"name": "large"}
    large = bench.administrator.ask("POST", path, {**workflow("large", *actions), "metadata": metadata})
    assert len(json.dumps(large)) > 500_000

    bench.kubectl("label", "-n", namespace, "drworkflow", "large", "a=b")
    doubled = [*actions, actions[0]]
    said = bench.kubectl(
        "replace", "-n", namespace, "-f", "-", given={**workflow("large", *doubled), "metadata": metadata}, fails=True
    )
    assert "[action[1500]: duplicate action name 'a0']" in said.err


def test_every_answer_is_counted(bench: AdmissionBench, ready: str) -> None:
    before = list(bench.answers)
    dry_run(bench, execution(), namespace=ready)
    dry_run(bench, execution(plan="gone"), namespace=ready)

    bench.wait_for("DRPlanExecution CREATE False")
    assert sorted(bench.answers[len(before) :]) == [
        "DRPlanExecution CREATE False",
        "DRPlanExecution CREATE True",
        "DRPlanExecution CREATE True",
        "DRPlanExecution CREATE True",
    ]


def test_every_execution_is_asked_about_and_how_long_that_takes_is_printed(bench: AdmissionBench, ready: str) -> None:
    path = f"/apis/dr.bkbcs.tencent.com/v1alpha1/namespaces/{ready}/drplanexecutions?dryRun=All"
    manifest = {**execution(), "metadata": {"generateName": "pay-"}}
    before = _webhook_seconds(bench)
    took = []
    for _ in range(REVIEWS):
        started = time.perf_counter()
        bench.administrator.ask("POST", path, manifest)
        took.append(time.perf_counter() - started)
    took.sort()
    after = _webhook_seconds(bench)

    count, seconds = (after[0] - before[0], after[1] - before[1])
    assert count == REVIEWS
    half, most = took[REVIEWS // 2] * 1000, took[REVIEWS * 99 // 100] * 1000
    mean = seconds / count * 1000
    print(f"whole request: median {half:.1f} ms, p99 {most:.1f} ms; of it the webhook: mean {mean:.1f} ms")


def _webhook_seconds(bench: AdmissionBench) -> tuple[int, float]:
    """How often the API server has asked about executions, and how long that took in all."""
    text = bench.kubectl("get", "--raw", "/metrics").out
    name = "apiserver_admission_webhook_admission_duration_seconds"
    found = {"count": 0.0, "sum": 0.0}
    for kind in found:
        for line in re.findall(rf'^{name}_{kind}{{name="vdrplanexecution.kb.io",operation="CREATE".*', text, re.M):
            found[kind] += float(line.rsplit(" ", 1)[1])
    return int(found["count"]), found["sum"]


def _execution(bench: AdmissionBench, namespace: str) -> Object:
    read: Object = json.loads(bench.kubectl("get", "-n", namespace, "drplanexecution", "pay-1", "-o", "json").out)
    return read


def _as_syncer(bench: AdmissionBench, namespace: str, **annotations: str) -> None:
    written = [f"{PREFIX}{name}={text}" for name, text in annotations.items()]
    _as(bench, SYNCER, "annotate", "-n", namespace, "drplanexecution", "pay-1", "--overwrite", *written)


def _as_namespace_controller(bench: AdmissionBench, *arguments: str) -> None:
    _as(bench, "system:serviceaccount:kube-system:namespace-controller", *arguments)


def _as(bench: AdmissionBench, user: str, *arguments: str) -> None:
    bench.kubectl(*arguments, f"--as={user}", "--as-group=system:masters")


def _without(obj: Object) -> Object:
    return {name: value for name, value in obj["metadata"].items() if name != "namespace"}
