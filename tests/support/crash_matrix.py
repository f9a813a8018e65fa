"""One action, forward and undone, whose runners may be killed at one of their writes; and what came of it, to compare.

with Story(case, administrator, certificate, folder) as story:
    forward = story.act()                                  # nothing happens to it
    back = story.act(back=True, death=Death(write=3, forwarded=True))

Two stories of a case that end the same are equal: what the server chooses (uids, versions, times, names that are made
of them) is left out of what is compared, and so is what a record says about the attempts that it took.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from support.api_actions import KEY, ActionBench
from support.api_admin import Administrator, Object
from support.api_faults import Victim, kill, nth_write
from support.api_proxy import Certificate
from support.api_runner import Room, Run
from support.crash_cases import CLUSTERS, Case

KILLED = -9
_FOREGROUND = "foregroundDeletion"
_KINDS = ("ConfigMap", "Secret", "Deployment", "Job", "Subscription", "Localization", "HelmChart")
_CHOSEN = ("resourceVersion", "managedFields", "specHash", "holder", "attempts", "retryCount")
_PATTERNS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r"-[0-9a-f]{10}\b"), "-<hash>"),
)
_BY_EARLIER = re.compile(r"(?:; \w+ [^;,]+)?, by an earlier attempt")
_LOOK_EVERY = 0.05
_CREATED, _OK = 201, 200
_AT = "2026-01-01T00:00:00Z"


class Death(NamedTuple):
    """Where a runner dies.

    Attributes:
        write: at which of its writes, from 1.
        forwarded: after the API server has seen it, before the runner gets to know; else before.
    """

    write: int
    forwarded: bool

    def __str__(self) -> str:
        return f"write {self.write} {'after' if self.forwarded else 'before'}"


class Chapter(NamedTuple):
    """What came of an action, or of undoing it.

    Attributes:
        writes: how many writes the runner made that ended it.
        objects: everything that is in its namespace, less what the server chooses.
        records: the records of its runs, likewise.
        effects: how often what was created or deleted, over all of the story.
    """

    writes: int
    objects: Object
    records: Object
    effects: Object

    @property
    def told(self) -> str:
        """All of it that is to be the same, for comparing."""
        return json.dumps(self._asdict() | {"writes": 0}, indent=1, sort_keys=True)


class Story:
    """A case, played in a namespace of its own.

    Args:
        case: the case.
        administrator: the API server.
        certificate: what proxies show.
        folder: where its files lie.
    """

    def __init__(self, case: Case, administrator: Administrator, certificate: Certificate, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._case = case
        self._administrator = administrator
        self._room = Room(
            administrator, folder, name=f"{case.name.lower()}-{uuid.uuid4().hex[:6]}", certificate=certificate
        )
        self._runs: list[Run] = []
        self._audit = administrator.bed.places.audit_log
        self._over = threading.Event()
        self._waits = bool(case.make("")["waitReady"])

    def __enter__(self) -> Story:
        self._room.__enter__()
        self._bench = ActionBench(self._room)
        case, namespace = self._case, self._room.namespace
        if case.rights:
            self._bench.grant(*case.rights)
        if case.wide:
            self._bench.grant_everywhere(*case.wide)
        if case.lists:
            self._bench.grant_everywhere(*case.lists, verbs=["list"])
        if case.secrets:
            self._bench.grant_secrets_role()
        for value in case.before(namespace):
            self._administrator.create(value, namespace="" if value["kind"] == "Globalization" else namespace)
        self._start = self._audit.stat().st_size
        if "jobs.batch" in case.rights:
            threading.Thread(target=self._attend_jobs, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        namespace = self._room.namespace
        if self._case.lists:
            for name in CLUSTERS:
                self._administrator.delete("ManagedCluster", namespace, name)
        if self._case.wide and self._globalization():
            self._administrator.delete("Globalization", "", namespace)
        self._room.__exit__(kind, error, trace)

    def act(self, *, back: bool = False, death: Death | None = None) -> Chapter:
        """Act, or undo what was done before; the pod that dies is followed by another one.

        Args:
            back: whether to undo.
            death: where the first pod dies; None for one that does not.
        """
        spec = self._case.make(self._room.namespace)
        flags = ("--direction=revert", f"--undo={self._runs[0].record_name(KEY)}") if back else ()
        run = self._bench.run()
        self._runs.append(run)
        if death is not None:
            proxy, victim = self._room.proxy(), Victim()
            proxy.fault(nth_write(death.write), kill(victim, forwarded=death.forwarded))
            lost = self._bench.start(spec, run, *flags, pod="lost", port=proxy.port, victim=victim)
            # What is written at the same time may take a write more or less.
            assert lost.wait(60) == KILLED or self._case.at_once, lost.output
        proxy = self._room.proxy()
        following = self._bench.start(spec, run, *flags, pod="next", port=proxy.port)
        assert (following.wait(60), run.state(KEY)["phase"]) == (0, "Succeeded"), following.output
        return Chapter(
            writes=sum(asked.write > 0 for asked in proxy.asked),
            objects=self.objects(),
            records=self._plain({one.name: self._record(one) for one in self._runs}),
            effects=self._effects(),
        )

    def objects(self) -> Object:
        """Everything that is in its namespace, less what the server chooses."""
        namespace = self._room.namespace
        found = {kind: self._administrator.list(kind, namespace) for kind in _KINDS}
        if self._case.wide:
            found["Globalization"] = [one for one in [self._globalization()] if one]
        named = {f"{kind}/{one['metadata']['name']}": one for kind, items in found.items() for one in items}
        plain: Object = self._plain(named)
        return plain

    @staticmethod
    def _record(run: Run) -> Object:
        record = run.record(KEY)
        # Every attempt writes it, so it is another one each time.
        del record["metadata"]["generation"]
        state = record["state"]
        state["message"] = _BY_EARLIER.sub("", state["message"])
        for name in ("before", "after"):
            # What is done at the same time has no order.
            state.get(name, []).sort(key=lambda entry: entry["ref"]["name"])
        return record

    def _globalization(self) -> Object | None:
        return self._administrator.get("Globalization", "", self._room.namespace)

    def _effects(self) -> Object:
        """How often its runners have created and deleted what."""
        with self._audit.open("rb") as file:
            file.seek(self._start)
            lines = [line for line in file if self._room.namespace.encode() in line and line.endswith(b"\n")]
        counts: Counter[str] = Counter()
        for entry in map(json.loads, lines):
            what, code = entry.get("objectRef") or {}, (entry.get("responseStatus") or {}).get("code")
            if code == _CREATED or (entry["verb"] == "delete" and code == _OK):
                did = "delete" if entry["verb"] == "delete" else "create"
                counts[f"{did} {what['resource']} {what.get('name')}"] += 1
        effects = Counter()
        for name, count in counts.items():
            # One that waits for its pods takes another deletion, and does nothing new.
            effects[self._plain(name)] += min(count, 1) if name.startswith("delete jobs") else count
        return dict(effects)

    def _plain(self, value: Any) -> Any:
        """Leave out what the server chooses, and read what is packed."""
        if isinstance(value, str):
            value = value.replace(self._room.namespace, "<namespace>")
            for pattern, name in _PATTERNS:
                value = pattern.sub(name, value)
            return value
        if isinstance(value, list):
            return [self._plain(one) for one in value]
        if not isinstance(value, dict):
            return value
        if value.get("immutable"):
            value = {**value, "data": {name: _unpacked(one) for name, one in value["data"].items()}}
        return {
            self._plain(name): self._plain(_unpacked(one) if name == "gz" else one)
            for name, one in value.items()
            if name not in _CHOSEN
        }

    def _attend_jobs(self) -> None:
        """Do what the Job controller and the collector of garbage do: complete what is awaited, let go of the rest."""
        namespace = self._room.namespace
        status: Object = {"startTime": _AT, "completionTime": _AT, "active": 0, "succeeded": 1}
        status["conditions"] = [
            {"type": kind, "status": "True", "lastTransitionTime": _AT, "lastProbeTime": _AT}
            for kind in ("SuccessCriteriaMet", "Complete")
        ]
        while not self._over.wait(_LOOK_EVERY):
            for job in self._administrator.list("Job", namespace):
                name = job["metadata"]["name"]
                # It may be gone by now.
                with suppress(AssertionError):
                    if _FOREGROUND in job["metadata"].get("finalizers", ()):
                        self._administrator.merge("Job", namespace, name, {"metadata": {"finalizers": []}})
                    elif self._waits and not job.get("status"):
                        self._administrator.merge("Job", namespace, name, {"status": status}, part="/status")


def _unpacked(packed: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(packed)))
