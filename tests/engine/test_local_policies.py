"""Failure policies on the local engine, with real runners: one row a case, exactly the phases that are promised."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support import local
from support.http_site import Answer
from support.plans import http, plan, stage, workflow

pytestmark = pytest.mark.long


@dataclass
class Case:
    """A plan by its stages; an action is named by what it does: `ok…`, `bad…`, `slow…`, `lost…`.

    Attributes:
        stages: fields of each stage; `uses` is a list of workflows, each a list of actions with their dependencies.
        expected: phase of every action.
        stages_expected: phase of every stage.
        phase: phase of the execution.
        plan: fields of the plan.
        workflow: fields of every workflow.
    """

    stages: list[dict[str, Any]]
    expected: dict[str, str]
    stages_expected: list[str]
    phase: str = "Failed"
    plan: dict[str, Any] = field(default_factory=dict)
    workflow: dict[str, Any] = field(default_factory=dict)


def of(*names: str | tuple[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, {}) if isinstance(name, str) else name for name in names]


def keys(**phases: str) -> dict[str, str]:
    return {key.replace("_", "."): phase for key, phase in phases.items()}


S, F, K = "Succeeded", "Failed", "Skipped"

TWO_USES = [of("bad", "ok"), of("ok")]
SLOW_SIBLING = [of("bad"), of("slow", "ok")]
NEXT = {"name": "next", "uses": [of("ok")]}

CASES = {
    "stage Stop in sequence skips the rest of the stage": Case(
        [{"name": "one", "failurePolicy": "Stop", "uses": TWO_USES}],
        keys(s1_w1_a1=F, s1_w1_a2=K, s1_w2_a1=K),
        [F],
    ),
    "stage Stop in parallel lets the siblings run to their end": Case(
        [{"name": "one", "failurePolicy": "Stop", "parallel": True, "uses": SLOW_SIBLING}],
        keys(s1_w1_a1=F, s1_w2_a1=S, s1_w2_a2=S),
        [F],
    ),
    "stage FailFast in sequence is as Stop": Case(
        [{"name": "one", "failurePolicy": "FailFast", "uses": TWO_USES}],
        keys(s1_w1_a1=F, s1_w1_a2=K, s1_w2_a1=K),
        [F],
    ),
    "stage FailFast in parallel lets the siblings finish the action they are in": Case(
        [{"name": "one", "failurePolicy": "FailFast", "parallel": True, "uses": SLOW_SIBLING}],
        keys(s1_w1_a1=F, s1_w2_a1=S, s1_w2_a2=K),
        [F],
    ),
    "stage Continue in sequence runs the rest": Case(
        [{"name": "one", "failurePolicy": "Continue", "uses": TWO_USES}],
        keys(s1_w1_a1=F, s1_w1_a2=K, s1_w2_a1=S),
        [F],
    ),
    "stage Continue in parallel runs the rest": Case(
        [{"name": "one", "failurePolicy": "Continue", "parallel": True, "uses": SLOW_SIBLING}],
        keys(s1_w1_a1=F, s1_w2_a1=S, s1_w2_a2=S),
        [F],
    ),
    "plan Stop keeps later stages from beginning": Case(
        [{"name": "one", "uses": [of("bad")]}, NEXT],
        keys(s1_w1_a1=F, s2_w1_a1=K),
        [F, K],
    ),
    "plan Continue runs later stages": Case(
        [{"name": "one", "uses": [of("bad")]}, NEXT],
        keys(s1_w1_a1=F, s2_w1_a1=S),
        [F, S],
        plan={"failurePolicy": "Continue"},
    ),
    "plan Continue does not run a stage that needs success": Case(
        [{"name": "one", "uses": [of("bad")]}, {**NEXT, "dependsOnPolicy": "Succeeded"}],
        keys(s1_w1_a1=F, s2_w1_a1=K),
        [F, K],
        plan={"failurePolicy": "Continue"},
    ),
    "a stage under plan Continue inherits Continue": Case(
        [{"name": "one", "uses": TWO_USES}, NEXT],
        keys(s1_w1_a1=F, s1_w1_a2=K, s1_w2_a1=S, s2_w1_a1=S),
        [F, S],
        plan={"failurePolicy": "Continue"},
    ),
    "plan Stop lets a branch that has begun go on and starts no other": Case(
        [
            {"name": "one", "uses": [of("bad")]},
            {"name": "beside", "dependsOn": [], "uses": [of("slow", "ok")]},
            {"name": "behind", "dependsOn": ["beside"], "uses": [of("ok")]},
        ],
        keys(s1_w1_a1=F, s2_w1_a1=S, s2_w1_a2=S, s3_w1_a1=K),
        [F, S, K],
    ),
    "plan Continue runs every branch": Case(
        [
            {"name": "one", "uses": [of("bad")]},
            {"name": "beside", "dependsOn": [], "uses": [of("ok")]},
            {"name": "behind", "dependsOn": ["one", "beside"], "uses": [of("ok")]},
            {"name": "strict", "dependsOn": ["one"], "dependsOnPolicy": "Succeeded", "uses": [of("ok")]},
            {"name": "last", "dependsOn": ["strict"], "uses": [of("ok")]},
        ],
        keys(s1_w1_a1=F, s2_w1_a1=S, s3_w1_a1=S, s4_w1_a1=K, s5_w1_a1=S),
        [F, S, S, K, S],
        plan={"failurePolicy": "Continue"},
    ),
    "workflow Continue runs the remaining actions": Case(
        [{"name": "one", "uses": [of("bad", "ok", "bad", "ok")]}],
        keys(s1_w1_a1=F, s1_w1_a2=S, s1_w1_a3=F, s1_w1_a4=S),
        [F],
        workflow={"failurePolicy": "Continue"},
    ),
    "workflow Continue in a graph runs dependants unless they need success": Case(
        [
            {
                "name": "one",
                "uses": [
                    of(
                        "bad",
                        ("ok-2", {"dependsOn": ["bad"]}),
                        ("ok-3", {"dependsOn": ["bad"], "dependsOnPolicy": "Succeeded"}),
                        ("ok-4", {"dependsOn": ["ok-3"]}),
                    )
                ],
            }
        ],
        keys(s1_w1_a1=F, s1_w1_a2=S, s1_w1_a3=K, s1_w1_a4=S),
        [F],
        workflow={"failurePolicy": "Continue"},
    ),
    "workflow FailFast in a graph finishes what runs and starts nothing": Case(
        [
            {
                "name": "one",
                "uses": [
                    of(
                        "bad",
                        ("slow-2", {"dependsOn": []}),
                        ("ok-3", {"dependsOn": ["slow-2"]}),
                        ("ok-4", {"dependsOn": ["bad"]}),
                    )
                ],
            }
        ],
        keys(s1_w1_a1=F, s1_w1_a2=S, s1_w1_a3=K, s1_w1_a4=K),
        [F],
    ),
    "stage FailFast lets the rest of a workflow under Continue run, and halts its siblings": Case(
        [{"name": "one", "failurePolicy": "FailFast", "parallel": True, "uses": [of("bad", "ok"), of("slow", "ok")]}],
        keys(s1_w1_a1=F, s1_w1_a2=S, s1_w2_a1=S, s1_w2_a2=K),
        [F],
        workflow={"failurePolicy": "Continue"},
    ),
    "an unknown outcome counts as a failure": Case(
        [{"name": "one", "uses": [of("lost", "ok")]}, NEXT],
        keys(s1_w1_a1="Unknown", s1_w1_a2=K, s2_w1_a1=K),
        ["Unknown", K],
        phase="Unknown",
    ),
    "a failure beside an unknown outcome is a failure": Case(
        [{"name": "one", "parallel": True, "failurePolicy": "Continue", "uses": [of("lost"), of("bad"), of("ok")]}],
        keys(s1_w1_a1="Unknown", s1_w2_a1=F, s1_w3_a1=S),
        [F],
    ),
    "what has no match is skipped and holds nothing up": Case(
        [{"name": "one", "uses": [of(("ok", {"when": "mode == 'delete'"}), "ok-2")]}, NEXT],
        keys(s1_w1_a1=K, s1_w1_a2=S, s2_w1_a1=S),
        [S, S],
        phase=S,
    ),
    "a plan of which nothing matches has nothing to do": Case(
        [{"name": "one", "uses": [of(("ok", {"when": "mode == 'delete'"}))]}],
        keys(s1_w1_a1=K),
        [S],
        phase=S,
    ),
}


def manifests(case: Case, url: str) -> list[dict[str, Any]]:
    stages, workflows = [], []
    for number, given in enumerate(case.stages, start=1):
        names = []
        for place, members in enumerate(given["uses"], start=1):
            name = f"w-{number}-{place}"
            # Names in a workflow are unique; what an action does is the start of its name.
            made = [
                http(
                    f"{what}-n{k}" if what in ("ok", "bad", "slow", "lost") and k > 1 else what,
                    f"{url}/{what.split('-')[0]}",
                    method="POST",
                    timeout="20s",
                    **more,
                )
                for k, (what, more) in enumerate(members, start=1)
            ]
            workflows.append(workflow(name, *made, **case.workflow))
            names.append(name)
        fields = {key: value for key, value in given.items() if key not in ("name", "uses")}
        stages.append(stage(given["name"], *names, **fields))
    return [plan(*stages, **case.plan), *workflows]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_failure_does_what_its_policies_say(case: Case, tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.script("/bad", Answer(403))
        site.script("/lost", Answer(reset=True))
        if any(name.startswith("slow") for given in case.stages for use in given["uses"] for name, _ in use):
            # What is slow has begun before the failure, and ends after everybody could know of it.
            site.hold("/bad", until=lambda: site.count("/slow"))
            site.hold("/slow", until=lambda: local.fence(tmp_path, "pay-execute-1").halts)
        manifest, *workflows = manifests(case, site.url)
        execution = local.engine(tmp_path, parallelism=8).start(local.snapshot_of(manifest, *workflows, mode="install"))
    assert local.phases(execution) == case.expected
    assert [each["phase"] for each in execution["status"]["stageStatuses"]] == case.stages_expected
    assert execution["status"]["phase"] == case.phase
    ran = sum(phase != K for phase in case.expected.values())
    assert site.count() == ran
