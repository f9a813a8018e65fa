"""What the syncer has in view: informers for our kinds and for Argo's Workflows, and questions they answer together.

Everything is read-only. Objects are plain dicts as they came, less what nobody here reads: bookkeeping of the API
server, images inside records, and the tree of an execution whose end is recorded. Argo Workflows are `nodes.Workflow`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from compiler.model.names import ANNOTATION_TRUE, LABEL_EXECUTION_UID, LABEL_FINAL, LABEL_PLAN, label_value
from compiler.model.phases import ConditionStatus, ConditionType
from syncer.decide.validity import uses_of
from syncer.kube.client import Client, Selection
from syncer.kube.informer import Informer
from syncer.kube.metrics import Metrics
from syncer.kube.resources import ARGO_WORKFLOWS, EXECUTIONS, PLANS, RECORDS, WORKFLOWS, Key
from syncer.nodes import LABEL_COMPLETED, Unreadable, Workflow, read_workflow
from syncer.records import is_final

Object = dict[str, Any]

BY_PLAN = "plan"
BY_WORKFLOW = "workflow"
BY_EXECUTION = "execution"
BY_TARGET = "target"
BY_LABEL = "label"
BY_UID = "uid"
BY_RUN = "run"

_RUN_PAGE = 25
"""A Workflow may have a megabyte."""

_EXECUTION_PAGE = 100
_IMAGES = ("before", "after")
_IMAGE = "gz"


class Observed:
    """The caches.

    Attributes:
        plans: every DRPlan.
        workflows: every DRWorkflow.
        executions: every DRPlanExecution.
        records: DRActionRecords of executions whose end is not recorded.
        runs: Argo Workflows of plans that are not final.
        reopened: those that are final and that Argo has begun to run again; none, as a rule.

    Args:
        client: the API server.
        namespace: only what is in this namespace; empty for all.
        metrics: told how the watches go.
    """

    def __init__(self, client: Client, *, namespace: str = "", metrics: Metrics | None = None) -> None:
        runs = Selection(ARGO_WORKFLOWS, namespace, labels=f"{LABEL_PLAN},!{LABEL_FINAL}")
        reopened = f"{LABEL_PLAN},{LABEL_FINAL},{LABEL_COMPLETED}!={ANNOTATION_TRUE}"
        self.plans = Informer(
            client,
            Selection(PLANS, namespace),
            _plain,
            indexers={BY_WORKFLOW: _workflows_of_plan, BY_LABEL: _label_of_plan},
            metrics=metrics,
        )
        self.workflows = Informer(client, Selection(WORKFLOWS, namespace), _plain, metrics=metrics)
        self.executions = Informer(
            client,
            Selection(EXECUTIONS, namespace),
            read_execution,
            indexers={BY_PLAN: _plan_of_execution, BY_TARGET: _target_of_execution, BY_UID: _uid},
            page=_EXECUTION_PAGE,
            metrics=metrics,
        )
        self.records = Informer(
            client,
            Selection(RECORDS, namespace, labels=f"!{LABEL_FINAL}"),
            _live_record,
            indexers={BY_EXECUTION: _uid_of_record, BY_RUN: _run_of_record},
            metrics=metrics,
        )
        self.runs = Informer(
            client,
            runs,
            _run,
            indexers={BY_PLAN: _plan_of_run, BY_EXECUTION: _uid_of_run},
            page=_RUN_PAGE,
            metrics=metrics,
        )
        self.reopened = Informer(
            client,
            Selection(ARGO_WORKFLOWS, namespace, labels=reopened),
            _reopened_run,
            indexers={BY_PLAN: _plan_of_run, BY_EXECUTION: _uid_of_run},
            page=_RUN_PAGE,
            metrics=metrics,
        )

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """All informers, for whoever runs them."""
        return self.plans, self.workflows, self.executions, self.records, self.runs, self.reopened

    @property
    def synced(self) -> bool:
        """Whether everything was in view once."""
        return all(informer.synced.is_set() for informer in self.informers)

    async def wait(self) -> None:
        """Wait until everything was in view once."""
        for informer in self.informers:
            await informer.synced.wait()

    def plan(self, namespace: str, name: str) -> Object | None:
        """A DRPlan; None when it does not exist."""
        return self.plans.get(Key(namespace, name))

    def workflow(self, namespace: str, name: str) -> Object | None:
        """A DRWorkflow; None when it does not exist."""
        return self.workflows.get(Key(namespace, name))

    def execution(self, namespace: str, name: str) -> Object | None:
        """A DRPlanExecution; without its tree when its end is recorded."""
        return self.executions.get(Key(namespace, name))

    def execution_of(self, uid: str) -> Object | None:
        """The DRPlanExecution of a uid."""
        return next(iter(self.executions.by_index(BY_UID, uid)), None)

    def plans_labelled(self, namespace: str, label: str) -> list[Object]:
        """The DRPlans, one as a rule, that the value of a label stands for."""
        return self.plans.by_index(BY_LABEL, f"{namespace}/{label}")

    def executions_of(self, namespace: str, plan: str) -> list[Object]:
        """The DRPlanExecutions of a plan."""
        return self.executions.by_index(BY_PLAN, f"{namespace}/{plan}")

    def reverts_of(self, namespace: str, execution: str) -> list[Object]:
        """The DRPlanExecutions that revert an execution, or did."""
        return self.executions.by_index(BY_TARGET, f"{namespace}/{execution}")

    def plans_using(self, namespace: str, workflow: str) -> list[Object]:
        """The DRPlans of any namespace that use a DRWorkflow."""
        return self.plans.by_index(BY_WORKFLOW, f"{namespace}/{workflow}")

    def records_of(self, uid: str) -> dict[str, Object]:
        """The records of an execution by action key, without the images in them; none once its end is recorded."""
        return {record["spec"]["key"]: record for record in self.records.by_index(BY_EXECUTION, uid)}

    def records_of_run(self, uid: str) -> dict[str, Object]:
        """The records that an Argo Workflow made, by action key, whether they say whose they are or not."""
        return {record["spec"]["key"]: record for record in self.records.by_index(BY_RUN, uid)}

    def run(self, namespace: str, name: str) -> Workflow | None:
        """An Argo Workflow that is not final, or runs again; None when there is none."""
        return self.runs.get(Key(namespace, name)) or self.reopened.get(Key(namespace, name))

    def runs_of(self, uid: str) -> list[Workflow]:
        """The Argo Workflows with the uid of an execution, bound to it or not, that are not final or run again."""
        return [*self.runs.by_index(BY_EXECUTION, uid), *self.reopened.by_index(BY_EXECUTION, uid)]

    def runs_of_plan(self, namespace: str, plan: str) -> list[Workflow]:
        """The Argo Workflows of a plan that are not final, or run again."""
        value = f"{namespace}/{label_value(plan)}"
        return [*self.runs.by_index(BY_PLAN, value), *self.reopened.by_index(BY_PLAN, value)]


def read_execution(raw: bytes | msgspec.Raw) -> Object:
    """Read a DRPlanExecution; one whose end is recorded without its tree and what its conditions say at length."""
    execution = _plain(raw)
    status = execution.get("status") or {}
    conditions = status.get("conditions") or ()
    if not any(_says_recorded(each) for each in conditions):
        return execution
    status.pop("stageStatuses", None)
    status["conditions"] = [{**each, "message": ""} for each in conditions]
    return execution


def _says_recorded(condition: Object) -> bool:
    return bool(condition["type"] == ConditionType.RECORDED and condition["status"] == ConditionStatus.TRUE)


def read_record(raw: bytes | msgspec.Raw) -> Object:
    """Read a DRActionRecord without the images in it; that it has some can still be seen."""
    record = _plain(raw)
    state = record.get("state") or {}
    for name in _IMAGES:
        for image in state.get(name) or ():
            image.pop(_IMAGE, None)
    return record


def _live_record(raw: msgspec.Raw) -> Object | None:
    """Read a record; None for one that was final before, or is since our own write."""
    record = read_record(raw)
    return None if is_final(record) else record


def _plain(raw: bytes | msgspec.Raw) -> Object:
    read: Object = msgspec.json.decode(raw)
    read["metadata"].pop("managedFields", None)
    return read


def _run(raw: msgspec.Raw) -> Workflow | None:
    read = _read_run(raw)
    return None if LABEL_FINAL in (read.metadata.labels or {}) else read


def _reopened_run(raw: msgspec.Raw) -> Workflow | None:
    read = _read_run(raw)
    labels = read.metadata.labels or {}
    return read if LABEL_FINAL in labels and labels.get(LABEL_COMPLETED) != ANNOTATION_TRUE else None


def _read_run(raw: msgspec.Raw) -> Workflow:
    read = read_workflow(bytes(raw))
    if isinstance(read, Unreadable):
        raise ValueError(read.problem)
    return read


def _namespace(read: Mapping[str, Any]) -> str:
    return read["metadata"].get("namespace") or ""


def _workflows_of_plan(plan: Object) -> Iterator[str]:
    for namespace, name in uses_of(plan):
        yield f"{namespace}/{name}"


def _label_of_plan(plan: Object) -> Iterator[str]:
    yield f"{_namespace(plan)}/{label_value(plan['metadata']['name'])}"


def _uid(execution: Object) -> Iterator[str]:
    yield execution["metadata"]["uid"]


def _plan_of_execution(execution: Object) -> Iterator[str]:
    yield f"{_namespace(execution)}/{(execution.get('spec') or {}).get('planRef') or ''}"


def _target_of_execution(execution: Object) -> Iterator[str]:
    target = (execution.get("spec") or {}).get("revertExecutionRef")
    if target:
        yield f"{_namespace(execution)}/{target}"


def _uid_of_record(record: Object) -> Iterator[str]:
    uid = (record["metadata"].get("labels") or {}).get(LABEL_EXECUTION_UID)
    if uid:
        yield uid


def _run_of_record(record: Object) -> Iterator[str]:
    uid = (record["spec"].get("workflow") or {}).get("uid")
    if uid:
        yield uid


def _plan_of_run(run: Workflow) -> Iterator[str]:
    yield f"{run.metadata.namespace}/{(run.metadata.labels or {}).get(LABEL_PLAN, '')}"


def _uid_of_run(run: Workflow) -> Iterator[str]:
    uid = (run.metadata.labels or {}).get(LABEL_EXECUTION_UID)
    if uid:
        yield uid
