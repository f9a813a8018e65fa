"""Drawn plans, and what it takes to run one on the local engine and on Argo so that both see the same failures.

What a failure keeps from running depends on what had begun when it happened, and pods begin when they like. So the
plans of a test talk to a site that writes down in which order it was asked and has answered. The local engine runs a
plan first, with delays that were drawn with it; on Argo the site then holds each answer back until all has happened
that had happened before it locally, and keeps failures some seconds away from everything else.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.graph.snapshot import Snapshot
from drplan.engine.api import Engine
from support import plans
from support.differential_site import Site
from support.local import environment, snapshot_of

GAP = 1.0
"""The same on the local engine, which needs a fraction of a second to see a failure."""

SITE = "site"
"""Name of the parameter with the address of the site."""

SERVED = "http://site-of-the-run"
"""Address of the site for pods; as long as the local one, since messages are cut to a length with it in them."""

_STEP = 2.0
_MOST_LANES = 6
_ATTEMPTS = 5

Object = dict[str, Any]
Event = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A drawn plan.

    Attributes:
        name: name of the plan, and of the run at the site.
        plan: the plan.
        workflows: its workflows.
        lanes: how many lanes it has.
        failures: how actions of it fail.
    """

    name: str
    plan: Object
    workflows: tuple[Object, ...]
    lanes: int
    failures: tuple[str, ...]

    def snapshot(self, site: str, namespace: str) -> Snapshot:
        """What an Execute of it starts from."""
        objects = [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in self.objects]
        return snapshot_of(*objects, mode="install", params={SITE: site})

    @property
    def execution(self) -> str:
        """Name of its execution."""
        return f"{self.name}-run"

    @property
    def objects(self) -> list[Object]:
        """The plan, then its workflows."""
        return [self.plan, *self.workflows]

    def traits(self) -> set[str]:
        """What is in it of all that can be drawn."""
        stages = self.plan["spec"]["stages"]
        actions = [each for workflow in self.workflows for each in workflow["spec"]["actions"]]
        return {
            *(f"failure {each}" for each in self.failures),
            f"plan {_policy_of(self.plan['spec'])}",
            *(f"stage {_policy_of(each)}" for each in stages),
            *(f"workflow {_policy_of(each['spec'])}" for each in self.workflows),
            *(f"stages {'in a graph' if 'dependsOn' in each else 'as listed'}" for each in stages),
            *(f"actions {'in a graph' if 'dependsOn' in each else 'as listed'}" for each in actions),
            *(f"workflows {'at once' if each['parallel'] else 'one by one'}" for each in stages),
            *("stage needs success" for each in stages if "dependsOnPolicy" in each),
            *("action needs success" for each in actions if "dependsOnPolicy" in each),
            *(f"when {each['when']}" for each in actions if "when" in each),
            *("outputs" for each in actions if "$(outputs." in each["http"].get("body", "")),
        }


ALL_TRAITS = frozenset(
    {
        *(f"failure {kind}" for kind in ("refused", "unavailable", "recovers", "reset", "silent", "missing")),
        *(f"plan {policy}" for policy in ("Stop", "Continue", "default")),
        *(f"stage {policy}" for policy in ("Stop", "FailFast", "Continue", "default")),
        *(f"workflow {policy}" for policy in ("FailFast", "Continue", "default")),
        *(f"{members} {order}" for members in ("stages", "actions") for order in ("in a graph", "as listed")),
        *(f"workflows {order}" for order in ("at once", "one by one")),
        *(f"{member} needs success" for member in ("stage", "action")),
        *(f"when mode == '{mode}'" for mode in ("install", "delete")),
        "outputs",
    }
)
"""Everything that can be drawn."""


def _policy_of(spec: Mapping[str, Any]) -> str:
    return str(spec.get("failurePolicy", "default"))


class _Draw:
    """Draws one plan: its shape from the seed alone, its delays from the seed and the attempt."""

    def __init__(self, seed: int, attempt: int) -> None:
        self.name = f"drawn-{seed}"
        self._shape = random.Random(seed)
        self._pace = random.Random(f"{seed}/{attempt}")
        self._lanes = 0
        self._failures = self._shape.choice((0, 1, 2, 2, 3))
        self._kinds: list[str] = []

    def case(self) -> Case:
        shape = self._shape
        graph = shape.random() < 0.5
        stages: list[Object] = []
        workflows: list[Object] = []
        for number in range(1, shape.randint(2, 3) + 1):
            names = []
            for place in range(1, shape.choice((1, 1, 2, 2, 3)) + 1):
                if self._lanes == _MOST_LANES:
                    break
                self._lanes += 1
                names.append(f"w{number}{place}")
                workflows.append(self._workflow(names[-1]))
            if names:
                stages.append(self._stage(f"s{number}", names, [each["name"] for each in stages] if graph else None))
        self._fail(workflows)
        manifest = plans.plan(*stages, name=self.name, **self._policy("Stop", "Continue"))
        manifest["spec"]["globalParams"] = [{"name": SITE, "value": "http://nowhere.example"}]
        return Case(self.name, manifest, tuple(workflows), self._lanes, tuple(self._kinds))

    def _policy(self, *policies: str) -> Object:
        policy = self._shape.choice((*policies, None))
        return {} if policy is None else {"failurePolicy": policy}

    def _needs(self) -> Object:
        return {"dependsOnPolicy": "Succeeded"} if self._shape.random() < 0.25 else {}

    def _stage(self, name: str, names: list[str], earlier: list[str] | None) -> Object:
        fields = {"parallel": self._shape.random() < 0.75, **self._policy("Stop", "FailFast", "FailFast", "Continue")}
        if earlier is not None:
            fields["dependsOn"] = [each for each in earlier if self._shape.random() < 0.5]
        if earlier != []:
            fields |= self._needs()
        return plans.stage(name, *names, **fields)

    def _workflow(self, name: str) -> Object:
        shape = self._shape
        graph = shape.random() < 0.4
        actions: list[Object] = []
        for number in range(1, shape.randint(1, 4) + 1):
            earlier = [each["name"] for each in actions if "when" not in each]
            fields: Object = {"timeout": "10m", **(self._needs() if actions else {})}
            if graph:
                fields["dependsOn"] = [each["name"] for each in actions if shape.random() < 0.5]
                earlier = [each for each in earlier if each in fields["dependsOn"]]
            if shape.random() < 0.2:
                fields["when"] = shape.choice(("mode == 'install'", "mode == 'delete'"))
            if earlier and shape.random() < 0.4:
                fields["body"] = f"after $(outputs.{earlier[-1]}.json.action)"
            method = shape.choice(("POST", "POST", "PUT"))
            actions.append(plans.http(f"a{number}", self._url(name, f"a{number}"), method=method, **fields))
        return plans.workflow(name, *actions, **self._policy("FailFast", "Continue"))

    def _url(self, workflow: str, action: str, status: str = "200") -> str:
        # A failure that comes early finds something beside it that has begun and not ended.
        delay = self._pace.choice((0, 0, 2, 4)) if status == "200" else self._pace.choice((0, 0, 1))
        return f"$(params.{SITE})/act/{self.name}/{workflow}.{action}?status={status}&delay={delay * _STEP:g}"

    def _fail(self, workflows: list[Object]) -> None:
        """Choose actions that fail, and how."""
        live = [
            (each, number)
            for each in workflows
            for number, action in enumerate(each["spec"]["actions"])
            if "delete" not in action.get("when", "")
        ]
        for workflow, number in self._shape.sample(live, min(self._failures, len(live))):
            actions = workflow["spec"]["actions"]
            action, before = actions[number], actions[number - 1] if number else {}
            name = workflow["metadata"]["name"]
            kinds = ["refused", "refused", "unavailable", "recovers", "reset"]
            if before and "dependsOn" not in action and not {"when"} & (before.keys() | action.keys()):
                kinds += ["silent", "missing"]
            kind = self._shape.choice(kinds)
            self._kinds.append(kind)
            block = action["http"]
            if kind in ("silent", "missing"):
                # Its end is not for the site to hold back; that of the action before it is.
                before["http"]["url"] = self._url(name, before["name"], "200") + "&critical=1"
            if kind == "missing":
                block["body"] = f"$(outputs.{before['name']}.json.nothing)"
                continue
            statuses = {"refused": "403", "unavailable": "503", "recovers": "503,200"}.get(kind, kind)
            block["url"] = self._url(name, action["name"], statuses)
            if kind in ("unavailable", "recovers"):
                action["retryPolicy"] = {"limit": 1, "interval": "1s"}
            if kind == "reset":
                block["method"] = "POST"
            if kind == "silent":
                block |= {"method": "GET", "url": re.sub(r"delay=.*", "delay=3.5", block["url"])}
                action |= {"timeout": "3s", "retryPolicy": {"limit": 0}}


def draw(seed: int, attempt: int = 0) -> Case:
    """Draw a plan."""
    return _Draw(seed, attempt).case()


@dataclass(frozen=True)
class LocalRun:
    """A drawn plan as the local engine ran it.

    Attributes:
        case: the plan.
        execution: its execution.
        order: what the site saw, in that order.
    """

    case: Case
    execution: Object
    order: list[tuple[str, str, str]]


def run_locally(seed: int, folder: Path, namespace: str) -> LocalRun:
    """Run the plan of a seed on the local engine, with other delays as long as a failure is near something else."""
    for attempt in range(_ATTEMPTS):
        case = draw(seed, attempt)
        site = Site(pause=GAP)
        assert len(site.url) == len(SERVED), site.url
        thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            state = folder / f"{case.name}-{attempt}"
            runs = Engine(state, namespace, parallelism=_MOST_LANES, environment=environment())
            execution = runs.start(case.snapshot(site.url, namespace), name=case.execution)
        finally:
            site.server.shutdown()
            site.server.server_close()
            thread.join()
        events = site.events(case.name)
        if not is_crowded(events):
            order = [(each["what"], each["action"], each["number"]) for each in events]
            return LocalRun(case, masked(execution, site.url), order)
    raise AssertionError(f"seed {seed}: in {_ATTEMPTS} attempts a failure was always near something else")


def is_crowded(events: Iterable[Event]) -> bool:
    """Whether something happened so near to a failure that it may or may not have been kept from happening."""
    events = list(events)
    asked = {(each["action"], each["number"]): each["time"] for each in events if each["what"] == "asked"}
    for failure in (each for each in events if each["what"] == "answered" and each["critical"]):
        me = failure["action"], failure["number"]
        start = asked[me] if failure["status"] == "silent" else failure["time"] - 0.9 * GAP
        for each in events:
            if (each["action"], each["number"]) == me:
                continue
            # What is asked behind a failure follows from it: nothing else has ended just before.
            end = failure["time"] + (0.9 * GAP if each["what"] == "answered" else 0)
            if start < each["time"] < end:
                return True
    return False


def masked(value: Any, site: str) -> Any:
    """Replace the address of the site, also where a message was cut in the middle of it."""
    text = json.dumps(value, ensure_ascii=False).replace(site, "http://site")
    for length in range(len(site) - 1, len("http://"), -1):
        text = text.replace(f"{site[:length]}…", "http://site…")
    return json.loads(text)


_TIMES = frozenset({"startTime", "completionTime", "lastTransitionTime"})
_IGNORED = frozenset({"duration", "observedGeneration", "workflowRef", "snapshotRef", "uid"})
_CONDITION_OF_OTHERS = "Recorded"
_MEASURED = re.compile(r"no answer within [0-9.]+ s")


def normalised(status: Mapping[str, Any]) -> Object:
    """A status without what must differ between two runs of one plan.

    Ignored are durations, the names and uids of Workflow and snapshot, the generation of the execution, and the
    condition Recorded, which no fold finds out. Of a time it counts that there is one; how long a call had that was
    not answered (what was left of its timeout) may differ by what the runner needed before it.
    """
    kept = [each for each in status["conditions"] if each["type"] != _CONDITION_OF_OTHERS]
    return dict(_normal({**status, "conditions": kept}))


def _normal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: "(a time)" if name in _TIMES else _normal(each)
            for name, each in value.items()
            if name not in _IGNORED
        }
    if isinstance(value, str):
        return _MEASURED.sub("no answer in time", value)
    return [_normal(each) for each in value] if isinstance(value, list) else value


def differences(
    left: Any, right: Any, place: str = "", *, names: tuple[str, str] = ("locally", "on Argo")
) -> Iterator[str]:
    """Where two JSON values differ, and how."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            yield from differences(left.get(name), right.get(name), f"{place}.{name}", names=names)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from differences(one, other, f"{place}[{number}]", names=names)
    elif left != right:
        yield f"{place}: {names[0]} {left!r}, {names[1]} {right!r}"
