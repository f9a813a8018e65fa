"""Action type Globalization: overrides of what is distributed to all child clusters, or to those with some labels.

It lies in no namespace. Clusternet reports nothing about it, so there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.acting import Acting
from runner.actions import clusternet
from runner.record import Object, Outcome

KIND = "Globalization"


def perform(block: Mapping[str, Any], acting: Acting) -> Outcome:
    """Write the Globalization of a filled block."""
    return clusternet.perform(KIND, block, acting, output="globalizationRef", judge=None)


def undo(_block: Mapping[str, Any], acting: Acting, forward: Object) -> Outcome:
    """Undo what an action did to its Globalization."""
    return clusternet.undo(acting, forward)
