"""AdmissionReviews: reading what the API server asks, writing what it is answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec

from compiler.model.names import GROUP, VERSION

Object = dict[str, Any]

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"

_WARNINGS = 3000
"""Most characters of all warnings of an answer: of more than 4096 the API server shows the beginnings only."""

_WARNING = 1000
_MESSAGE = 16_000
"""Most characters of a refusal, which people read in a terminal."""


class Operation(StrEnum):
    """What is to be done to an object."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


class Kind(msgspec.Struct):
    """Kind of an object."""

    group: str = ""
    version: str = ""
    kind: str = ""


class User(msgspec.Struct):
    """Who wants it done."""

    username: str = ""


class Request(msgspec.Struct, rename="camel"):
    """What the API server asks.

    Attributes:
        uid: name of the question.
        kind: kind of the object.
        operation: what is to be done to it.
        namespace: its namespace.
        name: its name; may be empty when the API server is to make one, or when all of a kind are deleted.
        user_info: who wants it done.
        object: the object as it would be; None for a deletion.
        old_object: the object as it is; None for a creation.
        dry_run: whether it will not be done after all. Nothing here leaves a trace, so it makes no difference.
    """

    uid: str
    kind: Kind
    operation: Operation
    namespace: str = ""
    name: str = ""
    user_info: User = msgspec.field(default_factory=User)
    object: Object | None = None
    old_object: Object | None = None
    dry_run: bool = False


class _Review(msgspec.Struct):
    request: Request


@dataclass(frozen=True)
class Response:
    """What the API server is answered.

    Attributes:
        allowed: whether it may be done.
        message: why not.
        status: HTTP status of a refusal.
        warnings: what the user is told in any case.
        patch: what is changed in the object (JSON patch).
    """

    allowed: bool
    message: str = ""
    status: HTTPStatus = HTTPStatus.FORBIDDEN
    warnings: tuple[str, ...] = ()
    patch: tuple[Object, ...] = ()


class Malformed(Exception):
    """What was asked is no AdmissionReview of one of our kinds."""


_reader = msgspec.json.Decoder(_Review)


def read(body: bytes, *, kind: str) -> Request:
    """Read what the API server asks.

    Args:
        body: an AdmissionReview.
        kind: the kind that is asked about here.

    Raises:
        Malformed: it is something else.
    """
    try:
        request = _reader.decode(body).request
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"this is no {KIND} of {API_VERSION}: {error}") from error
    asked = request.kind
    if (asked.group, asked.version, asked.kind) != (GROUP, VERSION, kind):
        about = f"{asked.group}/{asked.version} {asked.kind}"
        raise Malformed(f"this path is for {GROUP}/{VERSION} {kind}, not for {about}; correct the webhook's path")
    if not request.name:
        request.name = _name(request.object or request.old_object or {})
    return request


def write(uid: str, response: Response) -> bytes:
    """Write an answer as an AdmissionReview."""
    answer: Object = {"uid": uid, "allowed": response.allowed}
    if not response.allowed:
        message = response.message
        if len(message) > _MESSAGE:
            message = f"{message[:_MESSAGE]} … (`drplan validate` shows the rest)"
        reason = response.status.phrase.replace(" ", "")
        answer["status"] = {"code": int(response.status), "reason": reason, "message": message}
    if response.warnings:
        answer["warnings"] = _fitting(response.warnings)
    if response.patch:
        answer["patchType"] = "JSONPatch"
        answer["patch"] = base64.b64encode(json.dumps(response.patch).encode()).decode()
    return json.dumps({"apiVersion": API_VERSION, "kind": KIND, "response": answer}).encode()


def _name(value: Object) -> str:
    """Name of an object, which the API server leaves out where many are deleted at once."""
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _fitting(warnings: Sequence[str]) -> list[str]:
    """As many warnings as are shown whole, and how many more there are; each is one line, because headers are."""
    fitting: list[str] = []
    left = _WARNINGS
    for position, warning in enumerate(dict.fromkeys(warnings)):
        text = "".join(letter if letter.isprintable() else " " for letter in warning)
        text = text if len(text) <= _WARNING else f"{text[:_WARNING]}…"
        left -= len(text.encode())
        if left < 0:
            more = len(dict.fromkeys(warnings)) - position
            fitting.append(f"… and {more} more warning(s); `drplan validate` shows all")
            break
        fitting.append(text)
    return fitting
