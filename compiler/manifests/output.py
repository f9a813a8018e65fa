"""Plain values → YAML or JSON text, readable and safe for every reader.

Keys keep their order and long lines are not folded; text of several lines becomes a block, so that scripts can be read;
whatever YAML 1.1 would take for something else than text is quoted; no anchors, however often a value is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import yaml

from compiler.manifests import scalars

_NEVER_FOLD = 2**31 - 1
_TEXT = "tag:yaml.org,2002:str"


class _Dumper(yaml.CSafeDumper):
    """Writes plain values in this project's style."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _misread(text) else None
    return dumper.represent_scalar(_TEXT, text, style=style)


def _represent_enum(dumper: _Dumper, member: Enum) -> yaml.Node:
    return dumper.represent_data(member.value)


def _misread(text: str) -> bool:
    """Whether a reader of YAML 1.1 or 1.2 would not take this text for text if it stood plain."""
    try:
        return not isinstance(scalars.resolve(text), str)
    except scalars.NotFinite:
        return True


_Dumper.add_representer(str, _represent_text)
_Dumper.add_multi_representer(Enum, _represent_enum)


def to_yaml(objects: Iterable[Mapping[str, Any]]) -> str:
    """Write objects as YAML documents, one after the other."""
    return yaml.dump_all(
        objects,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_NEVER_FOLD,
        default_flow_style=False,
        explicit_start=False,
    )


def to_json(value: Any) -> str:
    """Write a value as indented JSON, with a line break at its end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
