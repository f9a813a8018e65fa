"""Where the runtime says what it measured; whoever serves metrics gives it something that listens.

The methods about queues are client-go's `workqueue_*` metrics, so that dashboards made for other controllers fit.
"""

from __future__ import annotations


class Metrics:
    """Listens to what is measured; each method does nothing unless it is overridden."""

    def queue_depth(self, queue: str, depth: int) -> None:
        """Keys that wait for a worker now (`workqueue_depth`)."""

    def queue_added(self, queue: str) -> None:
        """A key has come to wait for a worker (`workqueue_adds_total`)."""

    def queue_waited(self, queue: str, seconds: float) -> None:
        """A key has waited so long for a worker (`workqueue_queue_duration_seconds`)."""

    def queue_worked(self, queue: str, seconds: float) -> None:
        """A key was worked on for so long (`workqueue_work_duration_seconds`)."""

    def queue_retried(self, queue: str) -> None:
        """A key is to be tried again, with back-off (`workqueue_retries_total`)."""

    def reconciled(self, controller: str, result: str) -> None:
        """A reconcile has ended: `success`, `requeue_after`, `error` or `terminal`."""

    def watch_restarted(self, kind: str, cause: str) -> None:
        """A watch has ended, for whatever cause, and starts again."""

    def object_unreadable(self, kind: str) -> None:
        """An object could not be read and is not seen, or seen as it was before."""

    def leading(self, lease: str, leads: bool) -> None:
        """This process has begun or ceased to lead."""

    def event_dropped(self, reason: str) -> None:
        """An event was not written."""
