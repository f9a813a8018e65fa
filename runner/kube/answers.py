"""What the API server's answers mean for a request about one object. Pure.

KubeError
├── Missing        the object does not exist
├── NotServed      its kind is not served (yet)
├── Exists         one of this name exists
├── Conflicting    it is not the version, or not the object, that was meant: read again
├── NotAllowed     the service account may not
├── Refused        never, however often it is asked
└── Passing        no answer, or one that may be better in a moment
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runner import vocabulary as words
from runner.result import clip

if TYPE_CHECKING:
    from runner.server import Answer

Object = dict[str, Any]

_PASSING = (401, 408, 425, 429, 500, 502, 503, 504)
_NOTHING_HAPPENED = (401, 429)
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 401, 403, 404, 409
_ALREADY_EXISTS = "AlreadyExists"
_TERMINATING = "NamespaceTerminating"
_NAMESPACES = "namespaces"
_DENIED = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_TEXT_SHOWN = 300


class KubeError(Exception):
    """Root of what can be wrong with a request about an object; the text is for people."""


class Missing(KubeError):
    """The object does not exist."""


class NotServed(KubeError):
    """The API server does not serve this kind, at least not yet."""


class Exists(KubeError):
    """An object of this name exists already."""


class Conflicting(KubeError):
    """The object has changed, or is another one than was meant."""


class NotAllowed(KubeError):
    """The service account lacks a right."""


class Refused(KubeError):
    """The API server will not do this, however often it is asked."""


class Passing(KubeError):
    """No answer, or one that may be better in a moment.

    Attributes:
        retry_after: seconds after which the server asks to come again; 0 when it does not say.
        perhaps_done: whether the request may have had its effect all the same.
        unauthorized: whether the token was not taken: it may just have been replaced.
    """

    def __init__(
        self, message: str, *, retry_after: float = 0.0, perhaps_done: bool = True, unauthorized: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.perhaps_done = perhaps_done
        self.unauthorized = unauthorized


def read(answer: Answer, about: str, *, resource: str = "", redact: Callable[[str], str] = lambda text: text) -> Object:
    """Read an answer.

    Args:
        answer: the answer.
        about: what was asked for, for messages: `apply ConfigMap dr/settings`.
        resource: plural name of the kind that was asked about.
        redact: takes out of the server's words what is confidential.

    Raises:
        KubeError: it is an error; of the type that says what to do about it.
    """
    value = _parsed(answer.body)
    if 200 <= answer.status < 300:
        if value is None:
            raise Passing(f"{about}: the answer is no JSON object")
        return value
    raise _error(answer, value or {}, f"{about}: {_message(answer, value or {}, redact)}", resource)


def _error(answer: Answer, status: Mapping[str, Any], text: str, resource: str) -> KubeError:
    if answer.status in _PASSING:
        return Passing(
            text,
            retry_after=answer.retry_after,
            perhaps_done=answer.status not in _NOTHING_HAPPENED,
            unauthorized=answer.status == _UNAUTHORIZED,
        )
    if answer.status == _FORBIDDEN and not _caused_by(status, _TERMINATING):
        return NotAllowed(_denied(str(status.get("message") or "")) or f"not allowed: {text}")
    if answer.status == _CONFLICT:
        return Exists(text) if status.get("reason") == _ALREADY_EXISTS else Conflicting(text)
    if answer.status == _NOT_FOUND:
        details = status.get("details")
        if not isinstance(details, dict) or not details.get("name"):
            return NotServed(text)
        lacks_namespace = details.get("kind") == _NAMESPACES != resource
        return Refused(text) if lacks_namespace else Missing(text)
    return Refused(text)


def _denied(message: str) -> str:
    """Say which right is lacking and how to grant it; empty when it is no matter of rights, such as a quota."""
    match = _DENIED.search(message)
    if match is None:
        return ""
    group, namespace = match["group"], match["namespace"]
    resource = f"{match['resource']}.{group}" if group else match["resource"]
    where = f"in namespace {namespace}" if namespace else "at cluster scope"
    return (
        f"not allowed: {match['verb']} {resource} {where} (service account {words.RUNNER_SERVICE_ACCOUNT}); "
        "grant it: drplan rbac -f PLAN prints the Role"
    )


def _caused_by(status: Mapping[str, Any], reason: str) -> bool:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return any(cause.get("reason") == reason for cause in causes or ())


def _message(answer: Answer, status: Mapping[str, Any], redact: Callable[[str], str]) -> str:
    text = str(status.get("message") or answer.body.decode(errors="replace")).strip()
    return clip(redact(text), _TEXT_SHOWN) or f"status {answer.status}"


def _parsed(body: bytes) -> Object | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
