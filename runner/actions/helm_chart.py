"""Action type HelmChart: a chart that Subscriptions can distribute.

It is ready when Clusternet has found the chart in its repository. One that was not found may be there in a moment, or
its repository be reachable again, and Clusternet looks again by itself: that is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.acting import Acting
from runner.actions import clusternet
from runner.kube.readiness import Readiness, Ready, Waiting
from runner.record import Object, Outcome

KIND = "HelmChart"
_FOUND = "Found"


def perform(block: Mapping[str, Any], acting: Acting) -> Outcome:
    """Write the HelmChart of a filled block."""
    return clusternet.perform(KIND, block, acting, output="helmChartRef", judge=found)


def undo(_block: Mapping[str, Any], acting: Acting, forward: Object) -> Outcome:
    """Undo what an action did to its HelmChart."""
    return clusternet.undo(acting, forward)


def found(chart: Mapping[str, Any]) -> Readiness:
    """Whether Clusternet has found a chart in its repository."""
    status = chart.get("status") or {}
    phase = status.get("phase")
    if phase == _FOUND:
        return Ready()
    if not phase:
        return Waiting("Clusternet has not looked for the chart yet")
    return Waiting(f"the chart is {phase}" + (f": {status['reason']}" if status.get("reason") else ""))
