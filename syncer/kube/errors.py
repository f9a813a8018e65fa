"""What an API server answers when it does not do what it was asked, as exceptions told apart by what to do about them.

The client raises nothing but `ApiError`. Whatever raises a `KubeError` says by it that the world is in the way, not
that a program is wrong: a controller logs it in one line and tries again.

    KubeError
      NotLeading              this process may not write (any more)
      ApiError
        Unreachable           there was no answer; a write may have arrived all the same
        Unreadable            there was an answer, and it is not what was asked for
        Unauthorized          401
        Forbidden             403
        NotFound              404
        AlreadyExists         409, on creation
        Conflict              409, the object has changed since it was read
        Gone                  410, a list or watch must start anew
        Invalid               400, 413, 415, 422: it will be refused as often as it is sent
        TooManyRequests       429
        ServerError           5xx
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

RETRY_AFTER = "Retry-After"
"""Header that `error_of` wants."""

_TEXT_LIMIT = 512
_ALREADY_EXISTS = "AlreadyExists"
_VERSION_TOO_LARGE = "ResourceVersionTooLarge"


class KubeError(Exception):
    """Something outside this program is in the way."""


class NotLeading(KubeError):
    """This process may not write: it does not lead, or cannot be sure that it still does."""


class ApiError(KubeError):
    """A request that did not do what it asked for.

    Attributes:
        request: method and path.
        status: status code; 0 when there was no answer.
        reason: the server's word for it, such as `NotFound`; may be empty.
        message: the server's explanation.
        retry_after: seconds after which the server asks to come again; 0 when it does not ask.
    """

    def __init__(
        self, request: str, *, message: str, status: int = 0, reason: str = "", retry_after: float = 0.0
    ) -> None:
        answered = " ".join(filter(None, (str(status or ""), reason)))
        super().__init__(": ".join(filter(None, (request, answered, message))))
        self.request = request
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class Unreachable(ApiError):
    """There was no answer. A request that changes something may have arrived all the same."""


class Unreadable(ApiError):
    """There was an answer, and it is not what was asked for."""


class Unauthorized(ApiError):
    """The server does not know who asks."""


class Forbidden(ApiError):
    """Whoever asks may not do this."""


class NotFound(ApiError):
    """The object does not exist, or the server knows no such kind."""


class AlreadyExists(ApiError):
    """An object of this name exists."""


class Conflict(ApiError):
    """The object has changed since it was read, or is another than the one that was meant."""


class Gone(ApiError):
    """The server cannot go on from this resource version, or page: list anew."""


class Invalid(ApiError):
    """The request is wrong and will be refused as often as it is sent."""


class TooManyRequests(ApiError):
    """The server asks to be asked less often."""


class ServerError(ApiError):
    """The server failed."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    HTTPStatus.BAD_REQUEST: Invalid,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Gone,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Invalid,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Invalid,
    HTTPStatus.UNPROCESSABLE_ENTITY: Invalid,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
}


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct, rename="camel"):
    causes: list[_Cause] | None = None
    retry_after_seconds: int = 0


class _Status(msgspec.Struct):
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


_status = msgspec.json.Decoder(_Status)


def error_of(request: str, body: bytes | msgspec.Raw, *, status: int = 0, retry_after: str | None = None) -> ApiError:
    """Make the exception of an answer that is an error.

    Args:
        request: method and path, for the text.
        body: the answer, a `Status` as a rule; whatever stands between us and the server may answer something else.
        status: status code; 0 for an error that came inside a watch, whose `Status` has the code.
        retry_after: the header of this name.
    """
    try:
        told = _status.decode(body)
    except msgspec.MsgspecError:
        told = _Status(message=bytes(body)[:_TEXT_LIMIT].decode(errors="replace").strip())
    details = told.details or _Details()
    code = status or told.code or HTTPStatus.INTERNAL_SERVER_ERROR
    kind = _BY_STATUS.get(code, ServerError if code >= HTTPStatus.INTERNAL_SERVER_ERROR else ApiError)
    if kind is Conflict and told.reason == _ALREADY_EXISTS:
        kind = AlreadyExists
    if any(cause.reason == _VERSION_TOO_LARGE for cause in details.causes or ()):
        # The server's data are older than what we have seen, as after a restored backup.
        kind = Gone
    return kind(
        request,
        message=told.message,
        status=code,
        reason=told.reason,
        retry_after=_seconds(retry_after) or float(details.retry_after_seconds),
    )


def _seconds(text: str | None) -> float:
    text = (text or "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0
