"""What the API server is asked, and what its answers mean. Pure: `runner.server` only sends.

An answer 404 has two meanings. An object that does not exist is reported by a Status that names it; a kind that is not
installed is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from runner import vocabulary as words
from runner.records import Conflict, Forbidden, Gone, KindUnknown, RecordsError, Unreachable
from runner.vocabulary import RecordPhase

JSON = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Asks for `metadata` alone: a few KB, however large the status of an execution is."""
METADATA_OF_MANY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""The same for a list: asked for the one with the other's name, an API server answers 406."""

_AGAIN = (401, 408, 425, 429)
_ENDED_POD = ("Succeeded", "Failed")
_TEXT_SHOWN = 200
_MAY_NOT = '" cannot '


class Request(NamedTuple):
    """One request to the API server.

    Attributes:
        method: HTTP method.
        path: path with its query, all of it encoded.
        accept: media type that is asked for.
        body: body, None when there is none.
        content_type: media type of the body.
    """

    method: str
    path: str
    accept: str = JSON
    body: str | None = None
    content_type: str = JSON


def execution(namespace: str, name: str) -> Request:
    """Read metadata of an execution. Without a `resourceVersion`, hence from a quorum and never from a cache."""
    return Request("GET", _object(words.API_VERSION, namespace, words.EXECUTIONS, name), METADATA_ONLY)


def workflow(namespace: str, name: str) -> Request:
    """Read metadata of an Argo Workflow."""
    return Request("GET", _object(words.ARGO_API_VERSION, namespace, words.ARGO_WORKFLOWS, name), METADATA_ONLY)


def pod(namespace: str, name: str) -> Request:
    """Read a pod."""
    return Request("GET", _object("v1", namespace, "pods", name))


def get_record(namespace: str, name: str) -> Request:
    """Read a record."""
    return Request("GET", _object(words.API_VERSION, namespace, words.RECORDS, name))


def create_record(namespace: str, record: Mapping[str, Any]) -> Request:
    """Create a record."""
    path = _object(words.API_VERSION, namespace, words.RECORDS) + _manager()
    return Request("POST", path, JSON, json.dumps(record))


def replace_record(namespace: str, record: Mapping[str, Any]) -> Request:
    """Replace a record of the same `resourceVersion`."""
    path = _object(words.API_VERSION, namespace, words.RECORDS, record["metadata"]["name"]) + _manager()
    return Request("PUT", path, JSON, json.dumps(record))


def begun_records(namespace: str, execution_uid: str, stage: str) -> Request:
    """Look for one record of a stage that is not Skipped."""
    selector = (
        f"{words.LABEL_EXECUTION_UID}={execution_uid},{words.LABEL_STAGE}={stage},"
        f"{words.LABEL_RESULT}!={RecordPhase.SKIPPED}"
    )
    query = urlencode({"labelSelector": selector, "limit": 1})
    return Request("GET", f"{_object(words.API_VERSION, namespace, words.RECORDS)}?{query}", METADATA_OF_MANY)


def read_answer(request: Request, status: int, body: bytes, *, retry_after: float = 0.0) -> dict[str, Any] | None:
    """Read an answer: the object, or None when it does not exist.

    Args:
        request: what was asked.
        status: status code.
        body: the whole body.
        retry_after: seconds after which the server asks to come again.

    Raises:
        RecordsError: the answer is an error; of the type that says what to do about it.
    """
    if 200 <= status < 300:
        try:
            value = json.loads(body)
        except ValueError as error:
            raise Unreachable(f"{request.method} {request.path}: the answer is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise Unreachable(f"{request.method} {request.path}: the answer is no object")
        return value
    if status == 404 and request.method == "GET" and _names_an_object(body):
        return None
    raise _error(request, status, body, retry_after)


def has_ended(answer: Mapping[str, Any] | None) -> bool:
    """Whether a pod has ended, from the answer to a read of it."""
    return answer is None or (answer.get("status") or {}).get("phase") in _ENDED_POD


def _error(request: Request, status: int, body: bytes, retry_after: float) -> RecordsError:
    text = f"{request.method} {request.path.partition('?')[0]}: {status} {_message(body)}"
    if status in _AGAIN or status >= 500:
        return Unreachable(text, retry_after=retry_after)
    if status == 409:
        return Conflict(text)
    if status == 403:
        return Forbidden(_missing_right(body) or text)
    if status == 404:
        return Gone(text) if _names_an_object(body) else KindUnknown(text)
    return RecordsError(text)


def _missing_right(body: bytes) -> str:
    """Who may not do what: the end of the message, which long names before it would cut off."""
    message = str(_status(body).get("message") or "")
    start = message.rfind('User "', 0, max(0, message.find(_MAY_NOT)))
    return message[start:] if start >= 0 else ""


def _names_an_object(body: bytes) -> bool:
    details = _status(body).get("details")
    return isinstance(details, dict) and bool(details.get("name"))


def _message(body: bytes) -> str:
    message = _status(body).get("message") or body.decode(errors="replace")
    return str(message).strip()[:_TEXT_SHOWN]


def _status(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _object(api_version: str, namespace: str, resource: str, name: str = "") -> str:
    root = "/apis" if "/" in api_version else "/api"
    path = f"{root}/{api_version}/namespaces/{quote(namespace, safe='')}/{resource}"
    return f"{path}/{quote(name, safe='')}" if name else path


def _manager() -> str:
    return "?" + urlencode({"fieldManager": words.FIELD_MANAGER, "fieldValidation": "Ignore"})
