"""The block of an HTTP action."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from compiler.graph.text import placeholders
from compiler.model.actions import HttpAction
from compiler.problems import Path

LOWEST_CODE = 100
HIGHEST_CODE = 599
_SCHEMES = ("http", "https")
_HOST = re.compile(r"\w([\w.-]*[\w.])?\Z|[0-9a-fA-F:.]+(%\S+)?\Z")
_SET_BY_THE_RUNNER = ("content-length", "transfer-encoding")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


def faults(block: HttpAction) -> Iterator[tuple[Path, str]]:
    """Say what is wrong with the block, each with its path inside it."""
    if not block.url:
        yield ("url",), "HTTP.URL is required"
    else:
        fault = _address_fault(block.url)
        if fault:
            yield ("url",), f'HTTP.URL "{block.url}" is not valid: {fault}'
    for index, code in enumerate(block.success_codes):
        if not LOWEST_CODE <= code <= HIGHEST_CODE:
            message = f"HTTP.SuccessCodes: {code} is no status code; use {LOWEST_CODE} to {HIGHEST_CODE}"
            yield ("successCodes", index), message
    for name in block.headers:
        if not _HEADER.match(name) and next(placeholders(name), None) is None:
            yield ("headers", name), f'HTTP.Headers: "{name}" cannot be the name of a header'
        elif name.lower() in _SET_BY_THE_RUNNER:
            yield ("headers", name), f'HTTP.Headers: "{name}" is set by the runner, from the body; take it out'


def _address_fault(url: str) -> str:
    """Judge a URL, or of one with placeholders the scheme, as far as it stands before the first of them."""
    first = next(placeholders(url), None)
    if first is None:
        return url_fault(url)
    scheme, separator, _ = url[: first.start].partition("://")
    return "it must begin with http:// or https://" if separator and scheme.lower() not in _SCHEMES else ""


def url_fault(url: str) -> str:
    """Say why a text is no URL that can be called; empty when it is one."""
    if any(character.isspace() for character in url):
        return "it has a space in it; write %20"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return str(error)[:1].lower() + str(error)[1:]
    if parts.scheme not in _SCHEMES:
        return "it must begin with http:// or https://"
    if not host or not _HOST.match(host):
        return "it names no host" if not host else f'"{host}" is no host name'
    return ""
