"""Manifests: YAML and JSON in, with file, line and column of every value; YAML and JSON out.

`load` and `parse` never raise, whatever the bytes: what is wrong becomes a `Problem`. Values are what `kubectl` would
send, not what PyYAML would make of them (`scalars` lists the differences).
"""

from __future__ import annotations

from compiler.manifests.collection import Manifests, load, locate, parse
from compiler.manifests.documents import Document
from compiler.manifests.output import to_json, to_yaml
from compiler.manifests.problem import Problem

__all__ = ["Document", "Manifests", "Problem", "load", "locate", "parse", "to_json", "to_yaml"]
