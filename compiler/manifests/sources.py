"""Paths → text: files, folders and standard input; whatever cannot be read becomes a problem.

Folders are searched for `*.yaml`, `*.yml` and `*.json`, in sorted order, at any depth; what is hidden (a name that
begins with a dot) is left out, because that is where tools and this program keep their state.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from compiler.manifests.problem import MISSING_POSITION

STANDARD_INPUT: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json")
MAX_BYTES: Final = 256 * 1024 * 1024
"""Largest file that is read: more than all records of the largest plan, less than what exhausts a machine."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFUSED_TYPES = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Source(NamedTuple):
    """A file that was named or found.

    Attributes:
        file: as the user gave it, or the user's folder and the name below it.
        content: its bytes; None when it cannot be read.
        fault: why it cannot be read.
    """

    file: str
    content: bytes | None = None
    fault: str = ""


class Undecodable(ValueError):
    """Bytes that are no text that YAML or JSON can be written in."""

    def __init__(self, message: str, mark: tuple[int, int] = MISSING_POSITION) -> None:
        super().__init__(message)
        self.mark = mark


def collect(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Source]:
    """Read everything that the paths name, each file once however often it is named."""
    seen: set[str] = set()
    for path in paths:
        for source in _below(os.fspath(path)):
            is_file = source.content is not None and source.file != STANDARD_INPUT
            identity = os.path.realpath(source.file) if is_file else source.file
            if identity not in seen:
                seen.add(identity)
                yield source


def decode(content: bytes) -> str:
    """Decode the bytes of a manifest: UTF-8, or UTF-16 and UTF-32 with a byte order mark.

    Raises:
        Undecodable: they are in no such encoding.
    """
    encoding, start = "utf-8", 0
    for order_mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(order_mark):
            encoding, start = name, len(order_mark)
            break
    try:
        return content[start:].decode(encoding)
    except UnicodeDecodeError as error:
        before = content[start : start + error.start].decode(encoding, "replace")
        byte = content[start + error.start]
        raise Undecodable(f"not {encoding.upper()} text: byte 0x{byte:02x} cannot be here", _end(before)) from None


def check_characters(text: str) -> None:
    """Refuse characters that YAML forbids.

    Raises:
        Undecodable: there is one.
    """
    match = _FORBIDDEN.search(text)
    if match is None:
        return
    code = ord(match.group())
    hint = "; is it UTF-16 without a byte order mark, or no text at all?" if code == 0 else "; remove or escape it"
    raise Undecodable(f"the character U+{code:04X} may not be in a manifest{hint}", _end(text[: match.start()]))


def _end(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _below(path: str) -> Iterator[Source]:
    if path == STANDARD_INPUT:
        yield _standard_input()
        return
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        yield Source(path or '""', fault=_reason(error))
        return
    if stat.S_ISDIR(mode):
        yield from _folder(path)
    else:
        yield _file(path, refused=_REFUSED_TYPES)


def _folder(path: str) -> Iterator[Source]:
    faults: list[OSError] = []
    found = False
    for folder, folders, files in os.walk(path, onerror=faults.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                found = True
                yield _file(os.path.join(folder, name), refused=(*_REFUSED_TYPES, (stat.S_ISFIFO, "a pipe")))
    for fault in faults:
        yield Source(fault.filename or path, fault=_reason(fault))
    if not found and not faults:
        yield Source(path, fault=f"the folder has no {', '.join('*' + suffix for suffix in SUFFIXES)} file")


def _file(path: str, *, refused: Sequence[tuple[Callable[[int], bool], str]]) -> Source:
    try:
        mode = os.stat(path).st_mode
        for is_type, name in refused:
            if is_type(mode):
                return Source(path, fault=f"it is {name}, not a file")
        with open(path, "rb") as stream:
            return _limited(path, stream.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        return Source(path, fault=_reason(error))


def _standard_input() -> Source:
    try:
        return _limited(STANDARD_INPUT, sys.stdin.buffer.read(MAX_BYTES + 1))
    except (OSError, ValueError, AttributeError) as error:
        return Source(STANDARD_INPUT, fault=_reason(error))


def _limited(file: str, content: bytes) -> Source:
    if len(content) > MAX_BYTES:
        return Source(file, fault=f"it is larger than {MAX_BYTES // (1024 * 1024)} MiB")
    return Source(file, content)


def _reason(error: Exception) -> str:
    """Why something cannot be read, without the path that is shown in front of it anyway."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:]
