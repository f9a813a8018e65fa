"""The API server, asked for executions with the rights of whoever calls the command: the only module that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from compiler.model.names import APP_NAME, KIND_EXECUTION, KIND_PLAN, KIND_RECORD, LABEL_EXECUTION_UID
from compiler.model.phases import OperationType
from drplan.cluster.place import Cluster, namespace_of
from drplan.cluster.problems import problem_of
from drplan.cluster.wishes import Annotations, name_of, named, patch
from drplan.errors import InputProblem
from drplan.numbering import next_name
from drplan.view.details import completed, is_complete
from drplan.view.recorded import age_of
from syncer.keeping import Damaged, kept
from syncer.kube.client import Client, Selection
from syncer.kube.errors import KubeError, NotFound
from syncer.kube.resources import EXECUTIONS, PLANS, RECORDS, Key

Object = dict[str, Any]

_PAGE = 50
"""Executions and records of a page: they can be large."""


@contextmanager
def asking(subject: str) -> Iterator[None]:
    """Turn what the API server answers into errors of the commands.

    Raises:
        DrplanError: what was asked for cannot be had.
    """
    try:
        yield
    except KubeError as error:
        raise problem_of(error, subject) from None


class Server:
    """A namespace of a cluster. Raises nothing but `DrplanError`.

    Attributes:
        client: the API server.
        namespace: the namespace.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace

    async def execution(self, name: str) -> Object:
        """An execution as it is now."""
        with asking(named(self.namespace, name)):
            return (await self.client.get(EXECUTIONS, Key(self.namespace, name))).object

    async def executions(self) -> list[Object]:
        """All executions, newest first."""
        with asking(f"{KIND_EXECUTION}s in namespace {self.namespace}"):
            found = await self._list(Selection(EXECUTIONS, self.namespace))
        # A list leaves out what all its objects have in common.
        kind = {"apiVersion": EXECUTIONS.api_version, "kind": EXECUTIONS.kind}
        return sorted(({**kind, **each} for each in found), key=age_of, reverse=True)

    async def plan(self, name: str) -> Object | None:
        """A plan with its status; None when there is none."""
        with asking(named(self.namespace, name, KIND_PLAN)):
            try:
                return (await self.client.get(PLANS, Key(self.namespace, name))).object
            except NotFound as error:
                if error.reason:
                    return None
                raise

    async def new_name(self, plan: str, operation: OperationType) -> str:
        """The next free name for an execution of a plan.

        Raises:
            InputProblem: there is no such plan, and it is to be executed.
        """
        stored = await self.plan(plan)
        if stored is None and operation is OperationType.EXECUTE:
            raise InputProblem(
                f"there is no {named(self.namespace, plan, KIND_PLAN)}; apply it first, or give another --namespace"
            )
        with asking(f"{KIND_EXECUTION}s in namespace {self.namespace}"):
            there = await self._list(Selection(EXECUTIONS, self.namespace, metadata_only=True))
        history = ((stored or {}).get("status") or {}).get("executionHistory") or ()
        return next_name(
            plan, operation, [*(each["metadata"]["name"] for each in there), *(e["name"] for e in history)]
        )

    async def create(self, execution: Object, *, dry_run: bool) -> Object:
        """Create an execution, or with `dry_run` have only said what would come of it."""
        with asking(named(self.namespace, execution["metadata"]["name"])):
            return (await self.client.create(EXECUTIONS, self.namespace, execution, dry_run=dry_run)).object

    async def annotate(self, execution: Object, annotations: Annotations) -> Object:
        """Change annotations of an execution; returns it as it is then."""
        key = Key(self.namespace, execution["metadata"]["name"])
        with asking(name_of(execution)):
            return (await self.client.merge_patch(EXECUTIONS, key, patch(execution, annotations))).object

    async def records(self, execution: Object) -> list[Object]:
        """The records of an execution."""
        label = f"{LABEL_EXECUTION_UID}={execution['metadata']['uid']}"
        with asking(f"{KIND_RECORD}s of {name_of(execution)}"):
            return await self._list(Selection(RECORDS, self.namespace, labels=label))

    async def in_full(self, execution: Object) -> Object:
        """An execution with whatever its status leaves out for its size."""
        if is_complete(execution):
            return execution
        with asking(f"the snapshot of {name_of(execution)}"):
            try:
                found = await kept(self.client, namespace=self.namespace, uid=execution["metadata"]["uid"])
            except Damaged as damage:
                raise InputProblem(f"{name_of(execution)}: {damage}") from None
        stages = [stage.name for stage in found[1].plan.spec.stages] if found is not None else []
        return dict(completed(execution, await self.records(execution), stages))

    async def _list(self, selection: Selection) -> list[Object]:
        import msgspec

        found: list[Object] = []
        async for page in self.client.list(selection, page=_PAGE):
            found += [msgspec.json.decode(item, type=Object) for item in page.items]
        return found


@asynccontextmanager
async def reach(cluster: Cluster) -> AsyncIterator[Server]:
    """Connect to a cluster; nothing is asked yet.

    Raises:
        OutOfReach: there is no configuration that can be used.
    """
    with asking(f"cluster {cluster.context}".rstrip()):
        client = await Client.connect(
            agent=APP_NAME, kubeconfig=cluster.kubeconfig or None, context=cluster.context or None
        )
    async with client:
        yield Server(client, namespace_of(cluster))
