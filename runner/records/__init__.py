"""Where records, executions and pods are asked for: the API server, or files for the local engine.

RecordsError
├── Unreachable   no answer, or one that may be better in a moment: try again
├── Conflict      somebody else wrote first: read again, decide again
├── Gone          the record to be written does not exist any more
├── Forbidden     this service account may not
└── KindUnknown   the kind of records is not installed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Object = dict[str, Any]


class RecordsError(Exception):
    """Root of the errors of a store."""


class Unreachable(RecordsError):
    """There was no answer, or one that asks to come again.

    Attributes:
        retry_after: seconds after which it asks to; 0 when it does not say.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Conflict(RecordsError):
    """A create found the record there, or a replace found it changed."""


class Gone(RecordsError):
    """A replace found no record."""


class Forbidden(RecordsError):
    """The caller lacks a right."""


class KindUnknown(RecordsError):
    """The kind of records is not installed."""


class Records(Protocol):
    """The store. Every method may raise `Unreachable` or `Forbidden`, and is safe to call from two threads.

    Attributes:
        in_cluster: whether records are objects of a cluster, which others can belong to.
    """

    in_cluster: bool

    def execution(self, name: str) -> Mapping[str, Any] | None:
        """Read `metadata` of an execution, as fresh as can be; None when it does not exist."""

    def workflow(self, name: str) -> Mapping[str, Any] | None:
        """Read `metadata` of an Argo Workflow; None when it does not exist."""

    def get(self, name: str) -> Object | None:
        """Read a record; None when it does not exist.

        Raises:
            KindUnknown: there are no records at all.
        """

    def create(self, record: Object) -> Object:
        """Create a record and return it as stored.

        Raises:
            Conflict: it exists.
            KindUnknown: there are no records at all.
        """

    def replace(self, record: Object) -> Object:
        """Replace a record of the same `resourceVersion` and return it as stored.

        Raises:
            Conflict: it has changed.
            Gone: it does not exist.
        """

    def begun(self, execution_uid: str, stage: str) -> bool:
        """Whether a stage has a record that is not Skipped."""

    def pod_gone(self, pod: str) -> bool:
        """Whether a pod has ended; False when that is not known."""
