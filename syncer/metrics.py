"""Metrics as Prometheus reads them. Importing this imports prometheus_client: only the running syncer does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from compiler.model.phases import Phase
from syncer.kube import metrics as kube

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)


class Metrics(kube.Metrics):
    """All metrics of a process, those of the runtime under client-go's names.

    Attributes:
        registry: where they are registered.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._depth = self._gauge("workqueue_depth", "Keys that wait", "name")
        self._adds = self._counter("workqueue_adds_total", "Keys that came to wait", "name")
        self._waited = self._histogram("workqueue_queue_duration_seconds", "How long keys waited", "name")
        self._worked = self._histogram("workqueue_work_duration_seconds", "How long keys were worked on", "name")
        self._retries = self._counter("workqueue_retries_total", "Keys that are tried again", "name")
        self._reconciles = self._counter("drplan_reconciles_total", "Reconciles by their end", "controller", "result")
        self._restarts = self._counter("drplan_watch_restarts_total", "Watches that ended", "kind")
        self._unreadable = self._counter("drplan_objects_unreadable_total", "Objects that could not be read", "kind")
        self._leader = self._gauge("drplan_leader", "Whether this process leads")
        self._events = self._counter("drplan_events_dropped_total", "Events that were not written", "reason")
        self._executions = self._counter("drplan_executions_total", "Ended executions", "operation", "phase")
        self._durations = self._histogram(
            "drplan_execution_duration_seconds", "How long executions took", "operation", buckets=_LONG
        )
        self._actions = self._counter("drplan_actions_total", "Ended actions", "type", "phase")
        self._failures = self._counter("drplan_action_failures_total", "Failed actions", "type", "reason")
        self._takeovers = self._counter("drplan_takeovers_total", "Actions taken over from a pod that was lost")
        self._replays = self._counter("drplan_replays_total", "Actions that had ended and were not done again")
        self._unknown = self._counter("drplan_unknown_actions_total", "Actions with an unknown outcome")
        self._running = self._gauge("drplan_executions_running", "Executions that have begun and not ended")
        self._written = self._counter("drplan_status_write_bytes_total", "Bytes of statuses written")
        self._lag = self._histogram("drplan_status_lag_seconds", "From the first change to the status that shows it")
        self._folds = self._histogram("drplan_fold_seconds", "How long decisions took, the fold included")
        self._conflicts = self._counter("drplan_status_conflicts_total", "Writes that somebody else was before")
        self._reviews = self._counter(
            "drplan_admission_total", "Answered admission reviews", "kind", "operation", "allowed"
        )
        self._halts = self._counter("drplan_halts_total", "Halts put into fences", "scope")
        self._lost = self._counter("drplan_history_lost_total", "Executions that went without an end in any history")
        self._ratio = self._gauge(
            "drplan_history_cancelled_ratio", "Cancelled among a plan's history", "namespace", "plan"
        )

    def text(self) -> bytes:
        """All of them as Prometheus reads them."""
        return bytes(generate_latest(self.registry))

    # --- the runtime

    def queue_depth(self, queue: str, depth: int) -> None:
        """See the base class."""
        self._depth.labels(queue).set(depth)

    def queue_added(self, queue: str) -> None:
        """See the base class."""
        self._adds.labels(queue).inc()

    def queue_waited(self, queue: str, seconds: float) -> None:
        """See the base class."""
        self._waited.labels(queue).observe(seconds)

    def queue_worked(self, queue: str, seconds: float) -> None:
        """See the base class."""
        self._worked.labels(queue).observe(seconds)

    def queue_retried(self, queue: str) -> None:
        """See the base class."""
        self._retries.labels(queue).inc()

    def reconciled(self, controller: str, result: str) -> None:
        """See the base class."""
        self._reconciles.labels(controller, result).inc()

    def watch_restarted(self, kind: str, cause: str) -> None:  # noqa: ARG002
        """See the base class."""
        self._restarts.labels(kind).inc()

    def object_unreadable(self, kind: str) -> None:
        """See the base class."""
        self._unreadable.labels(kind).inc()

    def leading(self, lease: str, leads: bool) -> None:  # noqa: ARG002
        """See the base class."""
        self._leader.set(leads)

    def event_dropped(self, reason: str) -> None:
        """See the base class."""
        self._events.labels(reason).inc()

    # --- admission

    def reviewed(self, kind: str, operation: str, allowed: bool) -> None:
        """A review was answered."""
        self._reviews.labels(kind, operation, str(allowed).lower()).inc()

    # --- executions

    def status_written(self, size: int, *, lag: float | None) -> None:
        """A status was written, which made the object this long, so long after what it shows became known."""
        self._written.inc(size)
        if lag is not None:
            self._lag.observe(lag)

    def folded(self, seconds: float) -> None:
        """A decision took so long."""
        self._folds.observe(seconds)

    def conflicted(self) -> None:
        """Somebody else wrote before."""
        self._conflicts.inc()

    def halted(self, scopes: Iterable[str]) -> None:
        """Halts were put into a fence."""
        for scope in scopes:
            self._halts.labels(scope).inc()

    def executions_running(self, count: Callable[[], int]) -> None:
        """Have the running executions counted whenever somebody asks."""
        self._running.set_function(count)

    def taken_over(self, count: int) -> None:
        """Actions were taken over by other pods."""
        self._takeovers.inc(count)

    def replayed(self, count: int) -> None:
        """Actions did nothing, because their records had their ends."""
        self._replays.inc(count)

    def ended(self, execution: Mapping[str, Any], status: Mapping[str, Any], *, seconds: float | None) -> None:
        """An execution has ended."""
        operation = execution["spec"]["operationType"]
        self._executions.labels(operation, status["phase"]).inc()
        if seconds is not None:
            self._durations.labels(operation).observe(seconds)
        counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        for stage in status.get("stageStatuses") or ():
            for use in stage.get("workflowExecutions") or ():
                for action in use.get("actionStatuses") or ():
                    kind, phase = action.get("type") or "", action.get("phase") or ""
                    counts[kind, phase] += 1
                    if phase == Phase.FAILED:
                        self._failures.labels(kind, action.get("reason") or "").inc()
                    if phase == Phase.UNKNOWN:
                        self._unknown.inc()
        for labels, count in counts.items():
            self._actions.labels(*labels).inc(count)

    def history_lost(self) -> None:
        """An execution went, and its end is in no history."""
        self._lost.inc()

    def history(self, namespace: str, plan: str, entries: Iterable[Mapping[str, Any]]) -> None:
        """The history of a plan was written."""
        phases = [entry.get("phase") for entry in entries]
        self._ratio.labels(namespace, plan).set(phases.count(Phase.CANCELLED) / len(phases) if phases else 0.0)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: Iterable[float] = _SECONDS) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=tuple(buckets))
