"""Between start and end of a run: start lanes, wait for them, keep fence and status up to date, obey cancel and pause.

One thread looks, many times a second, at everything that can have changed: annotations, records, processes. What
follows from that is decided elsewhere (`scheduler`; `halts` and `cancel` of the syncer) and written here, in an order
in which dying in between loses nothing: the fence before the status, the node of a lane before its processes.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from compiler.model.names import ANNOTATION_CANCEL, ANNOTATION_PAUSE
from compiler.model.phases import FenceState
from drplan.engine.compiled import read_secrets, secret_variables
from drplan.engine.errors import StateDamaged
from drplan.engine.lane import LaneProcesses, Surroundings
from drplan.engine.nodes import attempts, container_ended, container_node, pod_ended
from drplan.engine.requests import CancelRequests
from drplan.engine.run import Run
from drplan.engine.scheduler import Start, settle
from drplan.engine.store import Object
from drplan.engine.watch import FileWatch
from syncer.decide.cancel import next_step
from syncer.decide.fence import Fence
from syncer.decide.halts import halts
from syncer.decide.start import is_cancelled
from syncer.fold.evidence import gather
from syncer.records import BAD, Records, is_started, state_of
from syncer.times import format_time

POLL = 0.02
"""Seconds between two looks."""


class Loop:
    """Runs the Workflow of a run to its end."""

    def __init__(self, run: Run, *, parallelism: int, environment: Mapping[str, str], requests: CancelRequests) -> None:
        """Prepare; nothing is started yet.

        Raises:
            SecretsMissing: values of Secrets are not in the environment.
        """
        assert run.workflow is not None
        metadata = run.workflow["metadata"]
        self._run = run
        self._parallelism = parallelism
        self._requests = requests
        self._surroundings = Surroundings(
            folder=run.folder,
            run=run.program.run,
            workflow=f"{metadata['name']}/{metadata['uid']}",
            environment=environment,
            secrets=read_secrets(run.program, environment, needed=not is_cancelled(run.execution)),
            hidden=secret_variables(run.program.secrets()),
        )
        self._host = socket.gethostname()
        self._watch = FileWatch(run.folder.execution)
        self._asked: tuple[str | None, str | None] = (None, None)
        self._lanes: dict[str, LaneProcesses] = {}
        self._killing: float | None = None
        self._killed = False
        self._fresh = True
        self._unsaved = False
        self._unshown = True

    def run_to_end(self) -> None:
        """Run it; returns when the Workflow has ended and no process of it lives."""
        # A cancel comes first: what a dead engine did not get to start must not start now.
        self._see_annotations()
        self._obey(datetime.now(UTC))
        for start in self._running():
            self._begin(start)
        self._halt(datetime.now(UTC))
        while not self._ended():
            if not self._look():
                time.sleep(POLL)

    def _ended(self) -> bool:
        return self._run.workflow_ended and not self._lanes

    def _running(self) -> list[Start]:
        """The lanes that were running when an earlier engine died."""
        return [
            Start(lane, pod.name)
            for lane in self._run.program.lanes()
            for pod in attempts(lane, self._run.nodes)
            if not pod.fulfilled
        ]

    def _look(self) -> bool:
        """Look at everything once; whether anything has changed."""
        now = datetime.now(UTC)
        asked = self._see_annotations()
        ended = self._see_lanes(format_time(now))
        recorded = self._run.records.look()
        if recorded:
            self._halt(now)
        changed = self._fresh or asked or ended or recorded
        # A step can make room for the next one, but only when what follows from it has happened.
        stepped = changed and self._obey(now)
        if self._fresh or asked or ended or stepped:
            changed = self._settle(format_time(now)) or changed
        while stepped:
            stepped = self._obey(now)
            self._settle(format_time(now))
        self._fresh = False
        self._write(now, changed=changed)
        self._end_killing()
        return changed

    def _write(self, now: datetime, *, changed: bool) -> None:
        self._unshown = self._unshown or changed
        ended = self._ended()
        if self._unsaved:
            self._unsaved = not self._run.save_workflow(urgent=ended)
        # The final status is for the step behind the one that closes the fence.
        if self._unshown and not ended:
            self._unshown = not self._run.show(now=now, urgent=False)

    # --- cancel, pause, halts

    def _see_annotations(self) -> bool:
        """Whether somebody wants something else than before; a signal to this process counts like an annotation."""
        wanted = self._requests.take()
        if wanted is not None:
            self._run.change(lambda execution: _annotate(execution, ANNOTATION_CANCEL, wanted))
        found = self._watch.changed()
        if found is not None:
            self._run.execution = found
        annotations = self._run.execution["metadata"].get("annotations") or {}
        asked = annotations.get(ANNOTATION_CANCEL), annotations.get(ANNOTATION_PAUSE)
        changed = asked != self._asked
        self._asked = asked
        return changed

    def _fence(self) -> Fence:
        fence = self._run.fence
        if fence is None:
            raise StateDamaged(self._run.folder.execution, "has lost its fence")
        return fence

    def _halt(self, now: datetime) -> None:
        """Put into the fence what failures keep from starting."""
        run, fence = self._run, self._fence()
        if not any(state_of(record).get("phase") in BAD for record in run.records.records.values()):
            return
        seen = gather(run.execution, run.encoded_workflow(), run.records.records, now=now)
        missing = halts(
            run.graph,
            records=run.records.records,
            fence=fence,
            begun=frozenset(seen.places.started_stages()),
            cancelled=is_cancelled(run.execution),
            now=now,
        )
        if missing:
            run.set_fence(fence.halt(missing))

    def _obey(self, now: datetime) -> bool:
        """Go one step further with a cancel, a pause or a resume; whether there was one to take."""
        run, fence = self._run, self._fence()
        if self._asked == (None, None) and fence.state is FenceState.OPEN:
            return False
        step = next_step(
            run.graph,
            execution=run.execution,
            fence=fence,
            workflow=run.encoded_workflow(),
            records=self._held_records(),
            now=now,
        )
        if step.fence != fence:
            run.set_fence(step.fence)
        if step.spec is not None:
            run.change_workflow(step.spec)
        if step.delete_pods and self._killing is None:
            self._killing = time.monotonic()
            self._signal(signal.SIGTERM)
        return step.fence != fence or step.spec is not None

    def _held_records(self) -> Records:
        """The records, without those that are open although nobody is left to go on with them."""
        records = self._run.records.records
        if self._lanes:
            return records
        return {key: record for key, record in records.items() if not is_started(state_of(record))}

    # --- lanes

    def _settle(self, now: str) -> bool:
        run = self._run
        settled = settle(
            run.program,
            run.nodes,
            now=now,
            parallelism=self._parallelism,
            host=self._host,
            suspended=run.suspended,
            shutdown=run.shutdown,
        )
        if settled.nodes == run.nodes:
            return False
        run.nodes = settled.nodes
        if settled.starts:
            run.save_workflow()
        else:
            self._unsaved = True
        for start in settled.starts:
            self._begin(start)
        return True

    def _begin(self, start: Start) -> None:
        lane = LaneProcesses(start, self._surroundings)
        lane.begin()
        if self._killing is not None:
            lane.signal(signal.SIGTERM)
        self._lanes[start.pod] = lane

    def _see_lanes(self, now: str) -> bool:
        """Write down which containers and lanes have ended."""
        nodes = dict(self._run.nodes)
        changed = False
        for pod, lane in list(self._lanes.items()):
            for container in lane.poll():
                name = container_node(pod, container)
                nodes[name] = container_ended(nodes[name], lane.exits[container], now, self._run.shutdown)
                changed = True
            if lane.ended:
                containers = [nodes[container_node(pod, container)] for container in lane.exits]
                nodes[pod] = pod_ended(
                    nodes[pod],
                    containers,
                    now,
                    exit_code=lane.closing_code,
                    result=lane.result() or lane.start.lane.no_result,
                )
                del self._lanes[pod]
        if changed:
            self._run.nodes = nodes
            self._unsaved = True
        return changed

    def _signal(self, number: signal.Signals) -> None:
        for lane in self._lanes.values():
            lane.signal(number)

    def _end_killing(self) -> None:
        """Kill what was told to end and has not within the time that a pod would have."""
        if self._killing is None or self._killed:
            return
        waited = time.monotonic() - self._killing
        if waited >= self._run.program.grace or self._requests.impatient:
            self._killed = True
            self._signal(signal.SIGKILL)


def _annotate(execution: Object, name: str, value: str) -> None:
    execution["metadata"].setdefault("annotations", {})[name] = value
