"""The syncer at a real API server: what an event costs it, how soon a change shows, how it starts, how it admits.

Each figure stands beside its limit, and what an event costs beside what peers take for the same stream at the same
time. CPU is that of a whole process, user and system. Times on the wall are those of a machine that may be busy with
other things: how busy it was is told with them. It takes the test bed, so it is made only where that can run; else it
says so.

    python -m benchmarks.syncer_bench [--check] [events|latency|scale|admission]…
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from bed import argo, lifecycle, requirements  # noqa: E402
from bed.client import Bed  # noqa: E402
from bed.state import Tier  # noqa: E402
from benchmarks import syncer_admission, syncer_events, syncer_latency, syncer_scale  # noqa: E402
from benchmarks.processes import load  # noqa: E402
from benchmarks.syncer_figures import Figure, report  # noqa: E402
from support.api_admin import Administrator, path_of  # noqa: E402
from support.api_proxy import Certificate  # noqa: E402
from support.api_syncer import SyncerBench  # noqa: E402

BED = "bench-syncer"
ENV_BED = "DRPLAN_BED"
"""Names a bed that is up and stays up; without it one is made and taken down."""

MEASUREMENTS: Mapping[str, tuple[str, Callable[[SyncerBench], list[Figure]]]] = {
    "events": ("an event of a large Workflow", syncer_events.measure),
    "latency": ("from a change to the status", syncer_latency.measure),
    "scale": ("with many finished executions", syncer_scale.measure),
    "admission": ("a review, through the TLS server", syncer_admission.measure),
}


@contextmanager
def administrator() -> Iterator[Administrator]:
    """An API server that serves our kinds and Argo's."""
    given = os.environ.get(ENV_BED)
    bed = Bed.find(given) if given else lifecycle.up(BED, Tier.API, owner=os.getpid())
    made = Administrator(bed)
    try:
        made.define(ROOT / "crds")
        if bed.kube.get(f"{path_of('Workflow', '')}?limit=1") is None:
            argo.define(bed)
        yield made
    finally:
        made.close()
        if not given:
            lifecycle.down(BED)


def measure(names: list[str]) -> dict[str, list[Figure]]:
    """Measure, each in a namespace of its own."""
    found = {}
    with administrator() as admin, tempfile.TemporaryDirectory() as folder:
        certificate = Certificate.made(Path(folder, "certificates"))
        for name in names:
            place = Path(folder, name)
            place.mkdir()
            with SyncerBench(admin, certificate, place) as bench:
                found[name] = MEASUREMENTS[name][1](bench)
            report(f"{MEASUREMENTS[name][0]} (load {load():.1f})", found[name])
    return found


def main() -> int:
    """Measure, print, and with --check fail when a limit is missed."""
    lacking = requirements.lacking()
    if lacking:
        print(f"the syncer: not measured here, the test bed needs {'; and '.join(lacking)}")
        return 0
    found = measure([name for name in MEASUREMENTS if name in sys.argv[1:]] or list(MEASUREMENTS))
    raw = {name: {f"{each.name}, {each.unit}": each.value for each in figures} for name, figures in found.items()}
    print(json.dumps({"load": round(load(), 1), **raw}))
    missed = any(each.missed for figures in found.values() for each in figures)
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
