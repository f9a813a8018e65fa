"""The local engine agrees with Argo: drawn plans run on both, and both executions say the same.

On Argo each run has a DRPlanExecution on the API server and a driver. Plans are drawn from a few chosen seeds, or as
many as `DRPLAN_DIFFERENTIAL` says from `DRPLAN_DIFFERENTIAL_SEED` on.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from runner.vocabulary import ExitCode, Reason
from support.argo_runs import Api, ArgoRun
from support.differential import ALL_TRAITS, SERVED, LocalRun, differences, draw, masked, normalised, run_locally
from support.local import actions
from syncer.records import by_key

DEFAULT_SEEDS = (2719, *range(4637, 4644), *range(4645, 4649))
"""Small plans that have in them all that can be drawn, halt what runs beside a failure, and end in all ways."""
FIRST_SEED = int(os.environ.get("DRPLAN_DIFFERENTIAL_SEED", "1"))
COUNT = int(os.environ.get("DRPLAN_DIFFERENTIAL", "0"))
SEEDS = tuple(range(FIRST_SEED, FIRST_SEED + COUNT)) or DEFAULT_SEEDS
AT_ONCE_LOCALLY = 4
POLL = 0.3
LONGEST = 600.0
EXIT_CODES = {ExitCode.SUCCEEDED, ExitCode.FAILED, ExitCode.TIMED_OUT, ExitCode.UNKNOWN, ExitCode.NOT_RUN}
"""What an action can end with when nobody stops it and nothing is lost."""
MOST_LANES = 40
"""Lanes of plans that run on Argo at once."""


def drive(api: Api, runs: list[ArgoRun]) -> None:
    """Run them all to their ends, at once."""
    for run in runs:
        run.begin()
    live = {run.name: run for run in runs}
    until = time.monotonic() + LONGEST
    while live:
        assert time.monotonic() < until, f"after {LONGEST:g} s these still run: {', '.join(live)}"
        workflows = api.call("GET", f"{api.argo}/workflows")["items"]
        # Read behind the Workflows: when one has ended, so have its records.
        records = api.call("GET", f"{api.ours}/dractionrecords")["items"]
        for workflow in workflows:
            run = live.get(workflow["metadata"]["name"])
            if run is None:
                continue
            own = by_key(each for each in records if each["spec"]["execution"]["uid"] == run.uid)
            if run.look(workflow, own):
                run.end()
                del live[run.name]
        time.sleep(POLL)


def batches(runs: list[LocalRun]) -> Iterator[list[LocalRun]]:
    """Runs that fit onto the cluster at once."""
    batch: list[LocalRun] = []
    for run in runs:
        if sum(each.case.lanes for each in [*batch, run]) > MOST_LANES:
            yield batch
            batch = []
        batch.append(run)
    yield batch


def on_argo(api: Api, local: LocalRun, site: str) -> ArgoRun:
    """The same plan, to run on Argo."""
    drawn = local.case.snapshot(site, api.namespace)
    return ArgoRun(api, replace(drawn, execution=replace(drawn.execution, name=local.case.execution)))


def test_the_plans_drawn_by_default_have_in_them_all_that_can_be_drawn_and_run_at_once():
    cases = [draw(seed) for seed in DEFAULT_SEEDS]
    assert set().union(*(case.traits() for case in cases)) == ALL_TRAITS
    assert sum(case.lanes for case in cases) <= MOST_LANES


@pytest.mark.bed
@pytest.mark.timeout(300 + 120 * len(SEEDS))
def test_the_local_engine_and_argo_come_to_the_same_end(cluster, namespace, api, site, tmp_path):
    with ThreadPoolExecutor(AT_ONCE_LOCALLY) as threads:
        locally = list(threads.map(lambda seed: run_locally(seed, tmp_path, namespace), SEEDS))
    served = f"{api.core}/services/{SERVED.removeprefix('http://')}:80/proxy"
    for local in locally:
        api.call("PUT", f"{served}/order/{local.case.name}", local.order)
    runs = {local.case.name: on_argo(api, local, site) for local in locally}
    for batch in batches(locally):
        drive(api, [runs[local.case.name] for local in batch])
    found = {}
    for local in locally:
        case = local.case
        here, there = local.execution["status"], masked(runs[case.name].status, site)
        seen = api.call("GET", f"{served}/events/{case.name}")
        report = {"objects": case.objects, "local": here, "argo": there, "order": local.order, "events": seen}
        (tmp_path / f"{case.name}.json").write_text(json.dumps(report, indent=1))
        found[case.name] = [
            *differences(normalised(here), normalised(there)),
            *(f"the site waited in vain before {each['action']}" for each in seen if each.get("late")),
        ]
    different = {name: each for name, each in found.items() if each}
    assert not different, "\n".join(
        [f"plans and statuses are in {tmp_path}", *(f"{name}{each}" for name in different for each in different[name])]
    )
    if SEEDS == DEFAULT_SEEDS:
        assert any(
            each.get("reason") == Reason.HALTED for local in locally for each in actions(local.execution).values()
        )
        assert set().union(*(run.exit_codes for run in runs.values())) == EXIT_CODES
