"""A secret that is looked for, in every coat, in everything that runners leave behind."""

from __future__ import annotations

import base64
import gzip
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from runner import vocabulary as words
from support.api_admin import Object
from support.api_runner import Room

_KINDS = (words.KIND_RECORD, words.KIND_EXECUTION, "ConfigMap", "Deployment", "Job")


class Canary:
    """A value that stands nowhere by chance.

    Attributes:
        value: the value.
    """

    def __init__(self, *, plain: bool = False) -> None:
        # What has to be quoted in URLs and in JSON, unless it is to stand in a URL as it is.
        self.value = f"kanarie-{uuid.uuid4().hex}" if plain else f'kan"arie/{uuid.uuid4().hex}+&=ä'

    @property
    def coats(self) -> dict[str, str]:
        """The forms that are looked for."""
        data = self.value.encode()
        return {
            "plain": self.value,
            "JSON": json.dumps(self.value)[1:-1],
            "URL": quote(self.value, safe=""),
            "form": quote_plus(self.value),
            **{f"base64 at {shift}": _middle(data, shift) for shift in range(3)},
        }

    def sightings(self, room: Room) -> list[str]:
        """Where it is seen in what the runners of a room have left: their files, their output, and objects."""
        return [
            f"{coat} in {where}" for where, text in _left(room) for coat, form in self.coats.items() if form in text
        ]


def _middle(data: bytes, shift: int) -> str:
    """What base64 makes of data that begins so many bytes after a group, less what neighbours have a part in."""
    coded = base64.b64encode(b"\0" * shift + data).decode()
    return coded[(0, 2, 3)[shift] : (len(data) + shift) * 8 // 6]


def _left(room: Room) -> Iterator[tuple[str, str]]:
    files = [path for path in room.folder.rglob("*") if path.is_file() and room.account not in path.parents]
    assert any(path.suffix == ".termination" for path in files)
    for path in files:
        yield str(path.relative_to(room.folder)), path.read_text(errors="replace")
    for kind in _KINDS:
        for found in room.administrator.list(kind, room.namespace):
            text = json.dumps(_unpacked(found), ensure_ascii=False)
            # A text in a JSON text is quoted twice.
            yield f"{kind} {found['metadata']['name']}", text + text.replace("\\\\", "\\")
    for secret in room.administrator.list("Secret", room.namespace):
        yield f"metadata of Secret {secret['metadata']['name']}", json.dumps(_beside(secret), ensure_ascii=False)


def _beside(secret: Object) -> Object:
    """What of a Secret is not its content; what was applied is content as well."""
    metadata = secret["metadata"]
    return {name: value for name, value in metadata.items() if name not in ("annotations", "managedFields")}


def _unpacked(value: Any) -> Any:
    """Read the images in a record."""
    if isinstance(value, dict):
        return {
            name: json.loads(gzip.decompress(base64.b64decode(one))) if name == "gz" else _unpacked(one)
            for name, one in value.items()
        }
    return [_unpacked(one) for one in value] if isinstance(value, list) else value


def echo(canary: Canary) -> str:
    """A text in which a server sends it back, in every coat."""
    return "; ".join(f"{coat}: {form}" for coat, form in canary.coats.items())


def refusal(*canaries: Canary, status: int) -> bytes:
    """An API server's answer that quotes them: an admission webhook says what it likes."""
    value = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"admission webhook denied the request: {'; '.join(map(echo, canaries))}",
        "reason": "Invalid",
        "code": status,
    }
    return json.dumps(value).encode()


TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
"""A service account's token."""
