"""Action type Localization: overrides of what is distributed to one child cluster.

Clusternet reports nothing about a Localization: it is ready as soon as it exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.acting import Acting
from runner.actions import clusternet
from runner.record import Object, Outcome

KIND = "Localization"


def perform(block: Mapping[str, Any], acting: Acting) -> Outcome:
    """Write the Localization of a filled block."""
    return clusternet.perform(KIND, block, acting, output="localizationRef")


def undo(_block: Mapping[str, Any], acting: Acting, forward: Object) -> Outcome:
    """Undo what an action did to its Localization."""
    return clusternet.undo(acting, forward)
