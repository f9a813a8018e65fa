"""An Argo Workflow as the fold reads it: the fields that mean something to us, and nothing else.

A Workflow comes as bytes from a watch (the fast way), or as a dict from a file or the local engine. Its nodes may be
packed; one that cannot be read is an outcome, `Unreadable`, and never an exception: a status is written all the same.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from compiler.model.names import OUTPUT_RESULT

_PACKED_LIMIT = 256 * 1024 * 1024
"""Most bytes that packed nodes may unpack to; Argo's own limit for a packed Workflow is 1 MiB."""

_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class ArgoPhase(StrEnum):
    """Phase of a Workflow or of one of its nodes, as Argo writes it."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"
    SKIPPED = "Skipped"
    OMITTED = "Omitted"


class NodeType(StrEnum):
    """Types of node that the fold tells apart."""

    CONTAINER = "Container"
    POD = "Pod"
    RETRY = "Retry"


OPEN_PHASES = frozenset({"", ArgoPhase.PENDING, ArgoPhase.RUNNING})
"""Phases in which a node, or a Workflow, can still change by itself."""

NEVER_SCHEDULED = frozenset({ArgoPhase.SKIPPED, ArgoPhase.OMITTED})
"""Phases of a node that stands for something that will not run."""

LABEL_COMPLETED = "workflows.argoproj.io/completed"


class _Read(msgspec.Struct, rename="camel", gc=False):
    """Base of what is read; Argo leaves empty fields out or writes `null`."""


class OutputParameter(_Read):
    """An output parameter of a node."""

    name: str = ""
    value: str | None = None


class Outputs(_Read):
    """Outputs of a node."""

    parameters: list[OutputParameter] | None = None
    exit_code: str | None = None


class Node(_Read):
    """A node of a Workflow."""

    name: str = ""
    type: str = ""
    phase: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    host_node_name: str = ""
    outputs: Outputs | None = None

    @property
    def ended(self) -> bool:
        """Whether Argo will not change it by itself any more."""
        return self.phase not in OPEN_PHASES

    @property
    def result(self) -> str | None:
        """Output parameter `result`: what the end of a lane hands over."""
        for parameter in (self.outputs and self.outputs.parameters) or ():
            if parameter.name == OUTPUT_RESULT:
                return parameter.value
        return None


class Metadata(_Read):
    """Metadata of a Workflow."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class ArgumentParameter(_Read):
    """A parameter that the Workflow was started with."""

    name: str = ""
    value: str | None = None


class Arguments(_Read):
    """What the Workflow was started with."""

    parameters: list[ArgumentParameter] | None = None


class StoredSpec(_Read):
    """Spec of the WorkflowTemplate that a Workflow was made from, as Argo keeps it, without its templates."""

    arguments: Arguments | None = None


class Spec(_Read):
    """Spec of a Workflow, without its templates."""

    suspend: bool | None = None
    shutdown: str | None = None
    arguments: Arguments | None = None


class Condition(_Read):
    """Condition of a Workflow."""

    type: str = ""
    status: str = ""


class Status(_Read):
    """Status of a Workflow."""

    phase: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    progress: str = ""
    nodes: dict[str, Node] | None = None
    compressed_nodes: str = ""
    offload_node_status_version: str = ""
    stored_workflow_template_spec: StoredSpec | None = None
    conditions: list[Condition] | None = None


class Workflow(_Read):
    """An Argo Workflow."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: Spec = msgspec.field(default_factory=Spec)
    status: Status = msgspec.field(default_factory=Status)

    @property
    def complete(self) -> bool:
        """Whether Argo has declared it finished; its pods may live on for a while."""
        return self.status.phase not in OPEN_PHASES

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped or terminated it (a suspended one ignores that until it is resumed)."""
        return bool(self.spec.shutdown) or self.status.message.startswith("Stopped with strategy")

    @property
    def waits_for_lock(self) -> bool:
        """Whether it has not begun because another Workflow holds its mutex."""
        return self.status.phase in OPEN_PHASES and self.status.message.startswith("Waiting for")

    def argument(self, name: str) -> str | None:
        """Value of a parameter that it was started with: its own, or that of the WorkflowTemplate it was made from."""
        stored = self.status.stored_workflow_template_spec
        for arguments in (self.spec.arguments, stored and stored.arguments):
            for parameter in (arguments and arguments.parameters) or ():
                if parameter.name == name:
                    return parameter.value
        return None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A Workflow, or its nodes, that cannot be read.

    Attributes:
        problem: what is wrong, and what to do.
    """

    problem: str


_WORKFLOW = msgspec.json.Decoder(Workflow)
_NODES = msgspec.json.Decoder(dict[str, Node])


def read_workflow(source: bytes | str | Mapping[str, Any] | Workflow) -> Workflow | Unreadable:
    """Read a Workflow from its JSON or from a dict."""
    if isinstance(source, Workflow):
        return source
    try:
        if isinstance(source, bytes | str):
            return _WORKFLOW.decode(source)
        return msgspec.convert(source, Workflow)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        return Unreadable(f"the Argo Workflow cannot be read: {problem}")


def read_nodes(workflow: Workflow) -> Mapping[str, Node] | Unreadable:
    """Nodes of a Workflow by id, unpacked when they are packed."""
    status = workflow.status
    if status.nodes is not None:
        return status.nodes
    if status.compressed_nodes:
        return _unpack(status.compressed_nodes)
    if status.offload_node_status_version:
        return Unreadable(
            "the nodes of the Argo Workflow are offloaded to a database; switch nodeStatusOffLoad off in Argo's "
            "workflow-controller-configmap"
        )
    return {}


def _unpack(packed: str) -> Mapping[str, Node] | Unreadable:
    try:
        data = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as problem:
        return Unreadable(f"compressedNodes of the Argo Workflow is not base64: {problem}")
    if not data.startswith(_GZIP_MAGIC):
        algorithm = "zstd" if data.startswith(_ZSTD_MAGIC) else "another algorithm than gzip"
        return Unreadable(
            f"compressedNodes of the Argo Workflow is packed with {algorithm}; set WORKFLOW_COMPRESSION_ALGORITHM=gzip "
            "on Argo's workflow controller"
        )
    try:
        return _NODES.decode(_gunzip(data))
    except (zlib.error, ValueError, msgspec.MsgspecError) as problem:
        return Unreadable(f"compressedNodes of the Argo Workflow cannot be read: {problem}")


def _gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    unpacked = unpacker.decompress(data, _PACKED_LIMIT)
    if unpacker.unconsumed_tail:
        raise ValueError(f"more than {_PACKED_LIMIT} bytes")
    if not unpacker.eof:
        raise ValueError("it ends early")
    return unpacked
