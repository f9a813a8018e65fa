"""Where each node of a Workflow belongs: stage, workflow use, lane, action.

Node names carry positions (`<workflow>.s-1-db.w-2-mysql.l-2(1).a-17-promote`), so they are read, never looked up. A
retried lane has a node for each attempt, `(0)`, `(1)`, …; only the last attempt counts. Nodes that belong to nothing
of ours (exit handlers, hooks) are left aside.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import msgspec

from compiler.model.names import position_of_task
from syncer.fold.outcome import Outcome, Reported, read_result
from syncer.nodes import NEVER_SCHEDULED, ArgoPhase, Node, NodeType

_SEGMENT = re.compile(r"(?P<task>[^()]+)(?:\((?P<attempt>\d+)(?::[^)]*)?\))?\Z")
_CONTAINER = NodeType.CONTAINER.value
"""The bare text: for ten thousand nodes, comparing with a member of an enum takes its time."""

_PHANTOM = re.compile(r"workflow shutdown with strategy: \S")


class Place(NamedTuple):
    """Place of a node.

    Attributes:
        stage: key of its stage.
        use: key of its workflow use, empty for the node of a stage.
        lane: number of its lane, 0 when the use has only one.
        action: local key of its action, empty for what holds actions.
        attempt: number of the attempt that it belongs to, -1 when it belongs to none.
    """

    stage: str
    use: str = ""
    lane: int = 0
    action: str = ""
    attempt: int = -1


class Lane(msgspec.Struct, gc=False):
    """A pod of a workflow use, in its last attempt.

    Attributes:
        retry: node over the attempts, when the lane has a retry strategy.
        pod: the pod's node.
        attempt: number of the last attempt.
        containers: node of each action by local key; none for an only lane whose pod Succeeded.
        retries: node over the attempts of an action that has a pod of its own, by local key.
    """

    retry: Node | None = None
    pod: Node | None = None
    attempt: int = -1
    containers: dict[str, Node] = {}
    retries: dict[str, Node] = {}
    _attempts: dict[str, int] = {}
    _results: Mapping[str, Outcome] | None = None

    @property
    def ended(self) -> bool:
        """Whether no further attempt will be made."""
        over = self.retry or self.pod
        return over is not None and over.ended

    @property
    def succeeded(self) -> bool:
        """Whether every container in it ended well: only then does a pod Succeed."""
        return self.pod is not None and self.pod.phase == ArgoPhase.SUCCEEDED

    @property
    def never_started(self) -> bool:
        """Whether its pod is a node only, made by a stop for what was about to start."""
        pod = self.pod
        return pod is not None and not pod.host_node_name and _PHANTOM.match(pod.message) is not None

    @property
    def report_lost(self) -> bool:
        """Whether all was done but Argo could not store what came of it."""
        pod = self.pod
        return pod is not None and pod.phase == ArgoPhase.ERROR and bool(pod.outputs and pod.outputs.exit_code == "0")

    @property
    def results(self) -> Mapping[str, Outcome]:
        """What the lane reported at its end, by action key; outputs of an open node may be an earlier run's."""
        if self._results is None:
            self._results = read_result(self.pod.result) if self.pod is not None and self.pod.ended else {}
        return self._results

    def take(self, place: Place, node: Node) -> None:
        """Put a node into the lane."""
        if place.action:
            self._take_action(place, node)
        elif place.attempt < 0 and node.type != NodeType.POD:
            self.retry = node
        else:
            self._advance(place.attempt)
            if place.attempt >= self.attempt:
                self.pod = node

    def take_containers(self, attempt: int, containers: dict[str, Node]) -> None:
        """Put the containers of an attempt, all of them, into the lane."""
        self._advance(attempt)
        if attempt >= self.attempt:
            self.containers = containers

    def _advance(self, attempt: int) -> None:
        if attempt > self.attempt:
            self.attempt, self.pod = attempt, None
            self.containers = {}

    def _take_action(self, place: Place, node: Node) -> None:
        if node.type == NodeType.RETRY:
            self.retries[place.action] = node
        elif place.attempt >= self._attempts.get(place.action, -1):
            self._attempts[place.action] = place.attempt
            self.containers[place.action] = node


class UsePlace(msgspec.Struct, gc=False):
    """What is known of a workflow use.

    Attributes:
        node: its own node: of a DAG of lanes, of its only lane, or of what will not run.
        lanes: its lanes by number.
    """

    node: Node | None = None
    lanes: dict[int, Lane] = {}

    def lane(self, number: int) -> Lane:
        """A lane, made when it is not known yet."""
        found = self.lanes.get(number)
        if found is None:
            found = self.lanes[number] = Lane()
        return found

    @property
    def results(self) -> Mapping[str, Outcome]:
        """What its lanes reported, by action key."""
        if len(self.lanes) == 1:
            return next(iter(self.lanes.values())).results
        return {key: outcome for lane in self.lanes.values() for key, outcome in lane.results.items()}

    @property
    def containers(self) -> Mapping[str, Node]:
        """Node of each action by local key, of all lanes."""
        if len(self.lanes) == 1:
            return next(iter(self.lanes.values())).containers
        return {key: node for lane in self.lanes.values() for key, node in lane.containers.items()}

    @property
    def succeeded(self) -> bool:
        """Whether it is one lane, and every container in it ended well."""
        only = self.lanes.get(0)
        return only is not None and only.succeeded

    def lane_of(self, local: str) -> Lane | None:
        """The lane that an action is in: the only one, the one with its container, or one without any yet."""
        if 0 in self.lanes:
            return self.lanes[0]
        for lane in self.lanes.values():
            if local in lane.containers:
                return lane
        return next((lane for lane in self.lanes.values() if lane.pod is not None and not lane.containers), None)

    def is_over(self, local: str, lane: Lane | None) -> bool:
        """Whether nothing will act on an action any more, although the Workflow may go on."""
        if self.node is not None and self.node.phase in NEVER_SCHEDULED:
            return True
        if lane is None:
            return any(each.retry is not None and each.retry.phase in NEVER_SCHEDULED for each in self.lanes.values())
        if lane.pod is not None:
            return lane.ended
        of_its_own = lane.retries.get(local) or lane.containers.get(local)
        if of_its_own is None or of_its_own.type == NodeType.CONTAINER:
            return lane.ended
        return of_its_own.ended


@dataclass(slots=True)
class Places:
    """All nodes of a Workflow by place.

    Attributes:
        root: node of the Workflow itself.
        stages: node of each stage by key.
        uses: what is known of each workflow use by key.
    """

    root: Node | None = None
    stages: dict[str, Node] = field(default_factory=dict)
    uses: dict[str, UsePlace] = field(default_factory=dict)

    def use(self, key: str) -> UsePlace:
        """What is known of a use, made when nothing is known yet."""
        found = self.uses.get(key)
        if found is None:
            found = self.uses[key] = UsePlace()
        return found

    @property
    def replays(self) -> int:
        """How many actions did nothing because their records had their ends, as far as their lanes say."""
        ends = (end for use in self.uses.values() for end in use.results.values())
        return sum(isinstance(end, Reported) and end.replayed for end in ends)

    def started_stages(self) -> Iterator[str]:
        """Keys of the stages that have a pod, or had one."""
        for key, use in self.uses.items():
            if any(lane.containers or (lane.pod and not lane.never_started) for lane in use.lanes.values()):
                yield key.split(".", 1)[0]


def find_places(nodes: Mapping[str, Node], workflow: str) -> Places:
    """Find the place of every node.

    Args:
        nodes: nodes by id.
        workflow: name of the Workflow.
    """
    places = Places()
    containers: list[Node] = []
    finished: set[str] = set()
    for node in nodes.values():
        if node.type == _CONTAINER:
            containers.append(node)
        elif node.name == workflow:
            places.root = node
        else:
            place = find_place(node.name, workflow)
            if place is not None:
                _take(places, node, place)
                if node.type == NodeType.POD and node.phase == ArgoPhase.SUCCEEDED and not place.lane:
                    finished.add(node.name)
    for parent, group in _by_pod(containers, finished).items():
        place = find_place(parent, workflow)
        if place is not None and place.use:
            places.use(place.use).lane(place.lane).take_containers(place.attempt, group)
    return places


def _by_pod(containers: Iterable[Node], finished: Collection[str]) -> dict[str, dict[str, Node]]:
    """Order containers by pod and local key; a pod that Succeeded says all that its containers could."""
    pods: dict[str, dict[str, Node]] = {}
    local_keys: dict[str, str] = {}
    for node in containers:
        parent, _, task = node.name.rpartition(".")
        if parent in finished:
            continue
        key = local_keys.get(task)
        if key is None:
            position = position_of_task(task)
            key = local_keys[task] = f"{position[0]}{position[1]}" if position else ""
        pod = pods.get(parent)
        if pod is None:
            pod = pods[parent] = {}
        pod[key] = node
    return pods


@lru_cache(maxsize=8192)
def find_place(name: str, workflow: str) -> Place | None:
    """Place of the node with a name; None when it is none of ours. The same names come at every fold of a run."""
    if not name.startswith(workflow + "."):
        return None
    stage = use = action = ""
    lane, attempt = 0, -1
    for segment in name[len(workflow) + 1 :].split("."):
        found = _read_segment(segment)
        if found is None:
            return None
        key, attempt = found
        letter = key[0]
        if letter == "s":
            stage = key
        elif letter == "w":
            use = f"{stage}.{key}"
        elif letter == "l":
            lane = int(key[1:])
        else:
            action = key
    return Place(stage, use, lane, action, attempt) if stage else None


@lru_cache(maxsize=8192)
def _read_segment(segment: str) -> tuple[str, int] | None:
    """Local key and attempt of one segment of a name."""
    match = _SEGMENT.match(segment)
    position = position_of_task(match["task"]) if match else None
    if match is None or position is None:
        return None
    return f"{position[0]}{position[1]}", int(match["attempt"] or -1)


def _take(places: Places, node: Node, place: Place) -> None:
    if not place.use:
        places.stages[place.stage] = node
        return
    use = places.use(place.use)
    if not place.action and not place.lane and place.attempt < 0:
        use.node = node
    if place.action or place.lane or node.type in (NodeType.POD, NodeType.RETRY):
        use.lane(place.lane).take(place, node)


def is_phantom(node: Node) -> bool:
    """Whether a node never had a pod: a stop makes it Failed when it was about to start (one space)."""
    return not node.host_node_name and _PHANTOM.match(node.message) is not None
