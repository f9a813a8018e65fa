"""Keeps the values of secrets out of everything that is printed, stored or shown.

A server may send a secret back in any coat: so the forms that it takes in URLs, JSON texts and Basic credentials are
looked for too, also those of a server that takes UTF-8 for Latin-1 or the reverse, as many do with headers. Numbers
are looked at as well: a PIN in a JSON answer is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"
_SAFE_SETS = ("", "/", "/:@!$&'()*+,;=~", "/?:@!$&'()*+,;=~")
_SHORTEST_ENCODED = 4


class Redactor:
    """Replaces secrets by `***`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._longest = len(ordered[0]) if ordered else 0

    def text(self, text: str) -> str:
        """Redact a text."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def beginning(self, text: str) -> str:
        """Redact the beginning of a longer text: its last characters may be those of half a secret, and go."""
        redacted = self.text(text)
        return redacted[: max(0, len(redacted) - self._longest + 1)] if self._pattern else redacted

    def value(self, value: Any, *, names: bool = True) -> Any:
        """Redact a JSON value; also the names in it, unless they are our own."""
        if self._pattern is None or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float):
            return MASK if self._pattern.search(json.dumps(value)) else value
        if isinstance(value, Mapping):
            return {
                self.text(str(name)) if names else name: self.value(member, names=names)
                for name, member in value.items()
            }
        return [self.value(member, names=names) for member in value]


def _forms(secret: str) -> set[str]:
    forms: set[str] = set()
    for plain in {secret, secret.strip()} - {""}:
        forms.add(plain)
        for read in _misread(plain.encode(errors="replace").decode()):
            forms |= {read, *_quoted(read), *_escaped(read), *_encoded(read)}
    return forms


def _misread(plain: str) -> set[str]:
    """The text itself, taken for Latin-1 when it is UTF-8, and for UTF-8 when it is Latin-1."""
    from contextlib import suppress

    read = {plain, plain.encode().decode("latin-1")}
    with suppress(UnicodeEncodeError):
        read.add(plain.encode("latin-1").decode(errors="replace"))
    return read


def _quoted(plain: str) -> Iterable[str]:
    from urllib.parse import quote, quote_plus

    upper = {quote(plain, safe=safe) for safe in _SAFE_SETS} | {quote_plus(plain)}
    return upper | {re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), form) for form in upper}


def _escaped(plain: str) -> Iterable[str]:
    quoted = {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
    quoted |= {re.sub("[<>&]", lambda match: f"\\u{ord(match.group()):04x}", form) for form in quoted}
    quoted |= {re.sub(r"\\u[0-9a-f]{4}", lambda match: f"\\u{match.group()[2:].upper()}", form) for form in quoted}
    return quoted | {form.replace("/", "\\/") for form in quoted} | {repr(plain)[1:-1]}


def _encoded(plain: str) -> Iterable[str]:
    """Base64 at each of the three alignments, less the characters that neighbours have a part in."""
    from base64 import b64encode, urlsafe_b64encode

    data = plain.encode()
    for encode in (b64encode, urlsafe_b64encode):
        for shift in range(3):
            form = encode(b"\0" * shift + data).decode()
            start = (0, 2, 3)[shift]
            end = (len(data) + shift) * 8 // 6
            if end - start >= _SHORTEST_ENCODED:
                yield form[start:end]
