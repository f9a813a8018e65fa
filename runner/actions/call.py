"""The HTTP call of a spec: its fields, read and checked. No network, and light enough to be read before the turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from runner.spec import SpecError
from runner.vocabulary import HttpMethod

_LINE_BREAKS = ("\r", "\n", "\0")
_SET_HERE = ("content-length", "transfer-encoding")


class Call(NamedTuple):
    """An HTTP call.

    Attributes:
        url: absolute URL.
        method: its method.
        headers: headers as given.
        body: body, empty for none.
        success: status codes that mean success; empty means any 2xx.
        verify: whether the server's certificate is checked.
    """

    url: str
    method: str
    headers: Mapping[str, str]
    body: str
    success: tuple[int, ...]
    verify: bool

    def succeeded(self, status: int) -> bool:
        """Whether an answer with this status is a success."""
        return status in self.success if self.success else 200 <= status < 300


def check(block: Mapping[str, Any]) -> None:
    """Check the types of the fields; holes may still be empty.

    Raises:
        SpecError: a field is wrong.
    """
    _read(block)


def read(block: Mapping[str, Any]) -> Call:
    """Read a call whose holes are filled.

    Raises:
        SpecError: it cannot be made. The message holds no value: there may be a secret in it.
    """
    from urllib.parse import urlsplit

    call = _read(block)
    try:
        parts = urlsplit(call.url)
        wrong = parts.scheme.lower() not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or any(mark in call.url for mark in _LINE_BREAKS):
        raise SpecError("failed to create request: http.url is no URL that starts with http:// or https:// and a host")
    if call.method not in list(HttpMethod):
        raise SpecError(f"failed to create request: http.method is not one of {', '.join(HttpMethod)}")
    for name, value in call.headers.items():
        if any(mark in name + value for mark in _LINE_BREAKS):
            raise SpecError(
                f"failed to create request: header {name.strip()!r} has a line break in it; does a Secret end in one?"
            )
        if not name or not name.isascii() or any(mark in name for mark in " :"):
            raise SpecError(f"failed to create request: {name!r} is no name of a header")
    return call


def _read(block: Mapping[str, Any]) -> Call:
    headers = block.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise SpecError("field http.headers of the spec should map names to texts")
    for name in headers:
        if name.strip().lower() in _SET_HERE:
            raise SpecError(f"header {name.strip()!r} is set by the runner, from the body; take it out of http.headers")
    success = block.get("successCodes") or []
    if not isinstance(success, list) or not all(type(code) is int for code in success):
        raise SpecError("field http.successCodes of the spec should be a list of numbers")
    return Call(
        url=_text(block, "url"),
        method=_text(block, "method") if block.get("method") is not None else HttpMethod.GET.value,
        headers=headers,
        body=_text(block, "body") if block.get("body") is not None else "",
        success=tuple(success),
        verify=not block.get("insecureSkipVerify"),
    )


def _text(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise SpecError(f"field http.{name} of the spec should be a text")
    return value
