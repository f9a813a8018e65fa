"""What the strategies for objects are made of: scalars, the words of the enums, and how objects and lists are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Objects = st.SearchStrategy[dict[str, Any]]

TEXTS = st.sampled_from(["", "a", "x-1", "$(params.x)", "{{ .params.x }}", "Zürich", "two\nlines", "a: {b}"])
NAMES = st.sampled_from(["a", "db", "web-1", "$(params.name)", "Name With Spaces", "x" * 70])
FLAGS = st.booleans()
INT32 = st.one_of(st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]), st.integers(-(2**31), 2**31 - 1))
INT64 = st.one_of(st.sampled_from([0, 1, 2**63 - 1]), st.integers(0, 2**63 - 1))
NATURAL = st.integers(0, 10_000)
TIMES = st.sampled_from(["2026-07-22T10:00:00Z", "2026-07-22T10:00:00.123456Z", "2026-07-22T18:00:00+08:00"])
DURATIONS = st.sampled_from(["5m", "1m30.25s", "500ms", "0s", "1h2m3s", "not checked"])
TEXT_MAPS = st.dictionaries(NAMES, TEXTS, max_size=2)

OLD_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Skipped", "Canceled")
OLD_CLUSTER_PHASES = OLD_PHASES[:-1]
OLD_EXECUTION_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Canceled", "Unknown")
PHASES = (*OLD_PHASES, "Cancelled", "Unknown")
ACTION_TYPES = ("HTTP", "Job", "Localization", "Globalization", "HelmChart", "Subscription", "KubernetesResource")
MODES = ("Install", "Upgrade", "Delete", "Rollback")
OPERATIONS = ("Create", "Apply", "Patch", "Delete")


def anything() -> st.SearchStrategy[Any]:
    """Draw any JSON value."""
    leaves = st.one_of(TEXTS, FLAGS, INT64, st.sampled_from([1.5, -0.25]))
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=2) | open_objects(inner), max_leaves=4)


def open_objects(values: st.SearchStrategy[Any]) -> Objects:
    """Draw an object of any fields."""
    return st.dictionaries(st.sampled_from(["template", "spec", "other", "n"]), values, max_size=2)


def some(item: st.SearchStrategy[Any], *, least: int = 0) -> st.SearchStrategy[list[Any]]:
    """Draw a short list."""
    return st.lists(item, min_size=least, max_size=max(2, least))


def one_of(*values: str) -> st.SearchStrategy[str]:
    """Draw one of the values of an enum."""
    return st.sampled_from(values)


def objects(required: Mapping[str, st.SearchStrategy[Any]], optional: Mapping[str, st.SearchStrategy[Any]]) -> Objects:
    """Draw an object that has all of the required and any of the optional fields."""
    return st.fixed_dictionaries(dict(required), optional=dict(optional))
