"""Leader election on a Lease: of several processes one works, and one that cannot be sure of that does not write.

Others wait until the Lease has not changed for as long as it says, by their own clocks: no clock is compared with
another machine's, and the times in the Lease are for people. The leader stops sooner than that, and before every write
`check` looks at the clock: a process that was frozen, or cut off, finds out before it writes again.

Own, because the official client's election goes by the wall clock, writes local times as if they were UTC, and leaves
the Lease held when its process ends.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from syncer.kube.client import Client, Object
from syncer.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, NotLeading
from syncer.kube.metrics import Metrics
from syncer.kube.resources import LEASES, Key

_NEVER = -math.inf

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How fast leaders change, in seconds.

    Attributes:
        lease: others may take a Lease that has not changed for so long.
        renew: a leader that has not renewed for so long does not lead any more; less than `lease`.
        retry: between two attempts to take or to renew.
    """

    lease: float = 15.0
    renew: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.retry < self.renew < self.lease:
            raise ValueError(f"retry {self.retry:g} s < renew {self.renew:g} s < lease {self.lease:g} s does not hold")


def may_take(spec: Mapping[str, Any], *, identity: str, unchanged: float) -> bool:
    """Tell whether a Lease may be taken.

    Args:
        spec: what it says.
        identity: who wants it.
        unchanged: seconds for which it has been seen not to change.
    """
    holder = spec.get("holderIdentity")
    return not holder or holder == identity or unchanged >= (spec.get("leaseDurationSeconds") or 0)


def taken(lease: Object, *, identity: str, seconds: float, now: datetime) -> Object:
    """Return a Lease as it is when taken or renewed."""
    spec: Object = lease.get("spec") or {}
    renewed = {
        "holderIdentity": identity,
        "leaseDurationSeconds": math.ceil(seconds),
        "renewTime": _time(now),
    }
    if spec.get("holderIdentity") != identity:
        transitions = spec["leaseTransitions"] + 1 if "leaseTransitions" in spec else 0
        renewed |= {"acquireTime": _time(now), "leaseTransitions": transitions}
    return lease | {"spec": spec | renewed}


def released(lease: Object, *, now: datetime) -> Object:
    """Return a Lease as it is when let go of: whoever wants it need not wait."""
    given_up = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _time(now)}
    return lease | {"spec": {**lease["spec"], **given_up}}


class _Hold:
    """One Lease: taken, renewed and let go of.

    Attributes:
        until: when, by the clock, it must be renewed again; in the past when it is not held.
    """

    def __init__(self, client: Client, key: Key, *, identity: str, pace: Pace, clock: Callable[[], float]) -> None:
        self.key = key
        self.until = _NEVER
        self._client = client
        self._identity = identity
        self._pace = pace
        self._clock = clock
        self._ours: Object | None = None
        self._seen = ""
        self._seen_at = 0.0

    async def take(self) -> bool:
        """Take or renew it once; tells whether that succeeded."""
        # Others count from when they see it renewed, which is later than this.
        started = self._clock()
        lease = self._ours or await self._look()
        if lease is None:
            return False
        value = taken(lease, identity=self._identity, seconds=self._pace.lease, now=datetime.now(UTC))
        try:
            self._ours = await self._write(value)
        except (AlreadyExists, Conflict, NotFound):
            # Somebody else wrote, or we ourselves and did not hear of it: look before the next attempt.
            self._ours = None
            raise
        self.until = started + self._pace.renew
        return True

    async def release(self) -> None:
        """Let go of it, if it is held."""
        lease, self._ours, self.until = self._ours, None, _NEVER
        if lease is not None:
            await self._write(released(lease, now=datetime.now(UTC)))

    async def _look(self) -> Object | None:
        """Return it if it may be taken; one that does not exist may."""
        try:
            lease = (await self._client.get(LEASES, self.key, seconds=self._seconds)).object
        except NotFound:
            return {"metadata": {"namespace": self.key.namespace, "name": self.key.name}}
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen:
            self._seen, self._seen_at = version, self._clock()
        spec = lease.get("spec") or {}
        if may_take(spec, identity=self._identity, unchanged=self._clock() - self._seen_at):
            return lease
        self.until = _NEVER
        return None

    async def _write(self, lease: Object) -> Object:
        if "resourceVersion" in lease["metadata"]:
            return (await self._client.replace(LEASES, self.key, lease, seconds=self._seconds)).object
        return (await self._client.create(LEASES, self.key.namespace, lease)).object

    @property
    def _seconds(self) -> float:
        """How long one request may take: so that there is time for a second one."""
        return self._pace.renew / 2


class Leader:
    """Takes part in an election.

    Args:
        client: the API server.
        lease: the Lease.
        identity: who this process is: no other may ever have called itself the same.
        also: another Lease that must be held, too, such as that of a controller that must not work beside this one.
        pace: how fast leaders change.
        clock: monotonic time in seconds, which goes on while the process is stopped.
        metrics: told how it goes.
    """

    def __init__(
        self,
        client: Client,
        lease: Key,
        *,
        identity: str,
        also: Key | None = None,
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self.lease = lease
        self._pace = pace
        self._clock = clock
        self._metrics = metrics or Metrics()
        keys = [lease] if also is None else [lease, also]
        # All take them in the same order, so that no two wait for each other.
        self._holds = [_Hold(client, key, identity=identity, pace=pace, clock=clock) for key in keys]
        self._works = False

    @property
    def leading(self) -> bool:
        """Whether this process leads now."""
        return self._works and self._held()

    def check(self) -> None:
        """Call this before every write.

        Raises:
            NotLeading: this process does not lead, or not for sure.
        """
        if not self.leading:
            raise NotLeading(f"lease {self.lease} is not held, so nothing is written")

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do work whenever this process leads; cancel it when that ends, and wait to lead again.

        Returns when the work does. The Lease is let go of at the end, however that comes.
        """
        while True:
            try:
                while not await self._take():
                    await self._pause()
                if await self._lead(work):
                    return
            finally:
                await self._release()

    async def _lead(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work while the Leases are held; tells whether it is done."""
        self._works = True
        self._report("leads")
        tasks = working, renewing = asyncio.ensure_future(work()), asyncio.create_task(self._keep())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done = working.done()
        finally:
            self._works = False
            self._report("does not lead any more")
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in (renewing, working):
            if not task.cancelled() and (error := task.exception()):
                raise error
        return done

    async def _keep(self) -> None:
        """Renew; returns when it is too late for that."""
        while True:
            await self._pause()
            if not await self._take() and not self._held():
                return

    async def _take(self) -> bool:
        """Take or renew all Leases; tells whether all are held for another while."""
        for hold in self._holds:
            try:
                if not await hold.take():
                    return False
            except ApiError as error:
                level = logging.DEBUG if isinstance(error, (AlreadyExists, Conflict)) else logging.WARNING
                _log.log(level, "lease %s: not taken or renewed, trying again: %s", hold.key, error)
                return False
        return True

    async def _release(self) -> None:
        for hold in self._holds:
            try:
                await hold.release()
            except ApiError as error:
                _log.info("lease %s: not let go of, others have to wait until it expires: %s", hold.key, error)

    async def _pause(self) -> None:
        await asyncio.sleep(self._pace.retry * random.uniform(1.0, 1.2))

    def _held(self) -> bool:
        now = self._clock()
        return all(now < hold.until for hold in self._holds)

    def _report(self, what: str) -> None:
        self._metrics.leading(str(self.lease), self._works)
        _log.info("lease %s: this process %s", self.lease, what)


def _time(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
