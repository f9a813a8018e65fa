"""The informer: after every storm it sees what the API server has, and it does not make the storm worse."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bed.client import Bed
from support.api_admin import Administrator
from support.api_faults import Asked, answer, drop, hold
from support.api_proxy import Certificate, Proxy
from support.kube_bench import Bench, until
from syncer.kube.client import Client, Selection
from syncer.kube.informer import Informer
from syncer.kube.metrics import Metrics
from syncer.kube.resources import CONFIG_MAPS, Key

pytestmark = [
    pytest.mark.bed,
    # A loop that ends does not wait for TLS connections that a proxy has cut; in a loop that goes on they are closed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GONE = json.dumps({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}).encode()


class Seen(msgspec.Struct):
    """What is kept of a ConfigMap."""

    metadata: SeenMetadata
    data: dict[str, str] = {}


class SeenMetadata(msgspec.Struct, rename="camel"):
    name: str
    resource_version: str
    labels: dict[str, str] = {}


def seen(raw: msgspec.Raw) -> Seen:
    return msgspec.json.decode(raw, type=Seen)


class Counts(Metrics):
    def __init__(self) -> None:
        self.restarts: list[str] = []
        self.unreadable = 0

    def watch_restarted(self, kind: str, cause: str) -> None:
        self.restarts.append(cause)

    def object_unreadable(self, kind: str) -> None:
        self.unreadable += 1


class View:
    """An informer of a namespace's ConfigMaps, and a second picture of them made of what its handlers were told."""

    def __init__(self, bench: Bench, client: Client, **settings: object) -> None:
        self.bench = bench
        self.metrics = Counts()
        self.told: dict[Key, Seen] = {}
        transform = settings.pop("transform", seen)
        self.informer: Informer[Seen] = Informer(
            client,
            Selection(CONFIG_MAPS, bench.namespace),
            transform,  # type: ignore[arg-type]
            indexers={"colour": lambda each: [each.metadata.labels.get("colour", "")]},
            metrics=self.metrics,
            **settings,  # type: ignore[arg-type]
        )
        self.informer.on_change(self._tell)

    def _tell(self, key: Key, old: Seen | None, new: Seen | None) -> None:
        assert self.told.get(key) is old
        self.told.pop(key, None)
        if new is not None:
            self.told[key] = new

    def versions(self) -> dict[str, str]:
        pairs = ((key.name, self.informer.get(key)) for key in self.informer)
        return {name: each.metadata.resource_version for name, each in pairs if each is not None}

    async def agrees(self) -> None:
        """Wait until it is what the server has."""

        def stored() -> dict[str, str]:
            items = self.bench.administrator.list("ConfigMap", self.bench.namespace)
            return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}

        expected = await asyncio.to_thread(stored)
        await until(lambda: self.versions() == expected, f"{self.versions()} to become {expected}", seconds=120)
        assert self.told == {key: self.informer.get(key) for key in self.informer}


@asynccontextmanager
async def view_of(bench: Bench, proxy: Proxy | None = None, **settings: object) -> AsyncIterator[View]:
    async with bench.client(proxy) as client:
        view = View(bench, client, **settings)
        running = asyncio.create_task(view.informer.run())
        try:
            await asyncio.wait_for(view.informer.synced.wait(), 120)
            yield view
            assert not running.done()
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[Bench]:
    with Bench(administrator, certificate, tmp_path) as made:
        yield made


def watches(asked: Asked) -> bool:
    return "watch=true" in asked.query


def lists(asked: Asked) -> bool:
    return asked.method == "GET" and "limit=" in asked.query


def change_something(bench: Bench, names: set[str], chance: random.Random) -> None:
    """Create, change or delete one object."""
    name = f"m-{chance.randrange(12)}"
    if name not in names:
        bench.keep(name, labels={"colour": chance.choice(["red", "blue"])}, x="0")
        names.add(name)
    elif chance.random() < 0.4:
        bench.drop(name)
        names.remove(name)
    else:
        bench.change(name, x=str(chance.random()))


async def cuts(proxy: Proxy) -> None:
    for _ in range(6):
        await asyncio.sleep(1.0)
        proxy.cut_streams()


async def lost_connections(proxy: Proxy) -> None:
    for _ in range(3):
        await asyncio.sleep(1.0)
        proxy.refuse()
        await asyncio.sleep(0.7)
        proxy.accept()


def answers(status: int, *, when: Callable[[Asked], bool], body: bytes = b"", retry_after: int | None = None) -> Storm:
    async def storm(proxy: Proxy) -> None:
        proxy.fault(when, answer(status, body=body, retry_after=retry_after), times=4)
        for _ in range(2):
            proxy.cut_streams()
            await asyncio.sleep(2.0)

    return storm


async def dropped(proxy: Proxy) -> None:
    proxy.fault(lambda asked: asked.number % 2 == 0, drop(), times=6)
    await cuts(proxy)


Storm = Callable[[Proxy], Awaitable[None]]


@pytest.mark.parametrize(
    "storm",
    [
        pytest.param(cuts, id="watches are cut every second"),
        pytest.param(lost_connections, id="connections are refused"),
        pytest.param(dropped, id="every second request is lost"),
        pytest.param(answers(500, when=watches), id="watches fail"),
        pytest.param(answers(410, when=watches, body=GONE), id="versions are gone"),
        pytest.param(answers(429, when=lambda _: True, retry_after=1), id="too many requests"),
        pytest.param(answers(403, when=watches), id="watches are refused"),
    ],
)
def test_after_a_storm_the_cache_is_what_the_server_has(bench: Bench, storm: Storm) -> None:
    async def scenario() -> None:
        proxy = bench.proxy()
        chance = random.Random(11)
        names: set[str] = set()
        for _ in range(8):
            change_something(bench, names, chance)
        async with view_of(bench, proxy, page=3) as view:
            await view.agrees()
            raging = asyncio.create_task(storm(proxy))
            while not raging.done():
                await asyncio.to_thread(change_something, bench, names, chance)
                await asyncio.sleep(0.05)
            await raging
            await view.agrees()
            assert view.metrics.restarts
            for colour in ("red", "blue"):
                found = {each.metadata.name for each in view.informer.by_index("colour", colour)}
                everything = filter(None, map(view.informer.get, view.informer))
                assert found == {each.metadata.name for each in everything if each.metadata.labels["colour"] == colour}

    asyncio.run(scenario())


def test_a_watch_that_was_cut_goes_on_where_it_was_without_a_new_list(bench: Bench) -> None:
    async def scenario() -> None:
        proxy = bench.proxy()
        bench.keep("a")
        async with view_of(bench, proxy) as view:
            for number in range(3):
                await until(lambda number=number: sum(map(watches, proxy.asked)) > number, "a watch")
                proxy.cut_streams()
                await asyncio.to_thread(bench.keep, f"b-{number}")
                await view.agrees()
            assert sum(map(lists, proxy.asked)) == 1

    asyncio.run(scenario())


def test_what_was_deleted_while_the_server_forgot_old_versions_is_found_gone(bench: Bench, bed: Bed) -> None:
    def restart() -> None:
        bed.stop("kube-apiserver")
        assert bed.start_again("kube-apiserver")
        bed.wait("the API server is ready", bed.kube.ready)

    async def scenario() -> None:
        proxy = bench.proxy()
        for name in ("a", "b", "c"):
            bench.keep(name, x="1")
        async with view_of(bench, proxy) as view:
            proxy.refuse()
            await asyncio.to_thread(bench.drop, "a")
            await asyncio.to_thread(bench.change, "b", x="2")
            # It serves watches from versions on that it has seen itself since its start.
            await asyncio.to_thread(restart)
            proxy.accept()
            await view.agrees()
            assert view.informer.get(Key(bench.namespace, "a")) is None
            assert "Gone" in view.metrics.restarts
            await asyncio.to_thread(bench.keep, "d")
            await view.agrees()

    asyncio.run(scenario())


def test_a_server_that_restarts_is_survived(bench: Bench, bed: Bed) -> None:
    async def scenario() -> None:
        bench.keep("a")
        async with view_of(bench) as view:
            await asyncio.to_thread(bed.stop, "kube-apiserver")
            await until(lambda: view.metrics.restarts, "the end of the watch to be seen")
            assert await asyncio.to_thread(bed.start_again, "kube-apiserver")
            await asyncio.to_thread(bed.wait, "the API server is ready", bed.kube.ready)
            await asyncio.to_thread(bench.keep, "b")
            await view.agrees()

    asyncio.run(scenario())


def test_a_server_that_fails_is_not_asked_again_and_again(bench: Bench) -> None:
    async def scenario() -> None:
        proxy = bench.proxy()
        proxy.fault(lambda _: True, answer(500), times=math.inf)
        async with bench.client(proxy) as client:
            running = asyncio.create_task(View(bench, client).informer.run())
            await asyncio.sleep(6.0)
            running.cancel()
        # At once, and after at least 0.5, 1, 2 and 4 seconds more.
        assert 2 <= len(proxy.asked) <= 4

    asyncio.run(scenario())


def test_watches_that_end_at_once_are_not_opened_again_and_again(bench: Bench) -> None:
    async def scenario() -> None:
        proxy = bench.proxy()
        proxy.fault(watches, answer(200), times=math.inf)
        async with view_of(bench, proxy):
            await asyncio.sleep(4.0)
            assert 2 <= sum(map(watches, proxy.asked)) <= 6

    asyncio.run(scenario())


def test_a_silent_watch_is_replaced(bench: Bench) -> None:
    async def scenario() -> None:
        proxy = bench.proxy()
        bench.keep("a")
        async with view_of(bench, proxy, silence=1.0) as view:
            await until(lambda: sum(map(watches, proxy.asked)) >= 3, "more watches")
            assert set(view.metrics.restarts) == {"Unreachable"}
            # A server whose data are older than what was seen is silent, too, and would be for ever.
            assert sum(map(lists, proxy.asked)) >= 2
            await asyncio.to_thread(bench.keep, "b")
            await view.agrees()

    asyncio.run(scenario())


def test_an_object_that_cannot_be_read_is_left_as_it_was_and_disturbs_no_other(bench: Bench) -> None:
    def picky(raw: msgspec.Raw) -> Seen:
        value = seen(raw)
        if "bad" in value.data:
            raise ValueError("bad")
        return value

    async def scenario() -> None:
        proxy = bench.proxy()
        bench.keep("a", x="1")
        bench.keep("never", bad="1")
        async with view_of(bench, proxy, transform=picky) as view:
            assert set(view.versions()) == {"a"}
            await asyncio.to_thread(bench.change, "a", bad="1")
            await asyncio.to_thread(bench.keep, "b")
            await until(lambda: "b" in view.versions(), "another object")
            assert view.metrics.unreadable == 2
            proxy.fault(watches, answer(410, body=GONE))
            proxy.cut_streams()
            await until(lambda: sum(map(lists, proxy.asked)) == 2, "a new list")
            await asyncio.to_thread(bench.keep, "c")
            await until(lambda: "c" in view.versions(), "another object")
            found = view.informer.get(Key(bench.namespace, "a"))
            assert found is not None
            assert found.data == {"x": "1"}
            await asyncio.to_thread(bench.drop, "a")
            await until(lambda: set(view.versions()) == {"b", "c"}, "the object to go")

    asyncio.run(scenario())


def test_an_object_that_is_not_kept_is_as_if_it_did_not_exist(bench: Bench) -> None:
    def live(raw: msgspec.Raw) -> Seen | None:
        value = seen(raw)
        return None if "done" in value.data else value

    async def scenario() -> None:
        bench.keep("a")
        bench.keep("b", done="1")
        async with view_of(bench, transform=live) as view:
            assert set(view.told) == {Key(bench.namespace, "a")}
            await asyncio.to_thread(bench.change, "a", done="1")
            await until(lambda: not view.told, "the object to go")
            await asyncio.to_thread(bench.keep, "c")
            await until(lambda: set(view.told) == {Key(bench.namespace, "c")}, "another object")
            assert len(view.informer) == 1
            assert view.metrics.unreadable == 0

    asyncio.run(scenario())


def test_what_was_written_is_in_view_at_once_and_told_of_once(bench: Bench) -> None:
    async def scenario() -> None:
        proxy, go_on = bench.proxy(), threading.Event()
        proxy.fault(watches, hold(go_on))
        key = Key(bench.namespace, "a")
        async with bench.client() as writer, view_of(bench, proxy) as view:
            changes: list[tuple[Key, str]] = []
            view.informer.on_change(lambda key, _, new: changes.append((key, new.data["x"] if new else "gone")))
            reply = await writer.create(CONFIG_MAPS, bench.namespace, {"metadata": {"name": "a"}, "data": {"x": "1"}})
            view.informer.wrote(reply.body)
            reply = await writer.merge_patch(CONFIG_MAPS, key, {"data": {"x": "2"}})
            view.informer.wrote(reply.body)
            assert changes == [(key, "1"), (key, "2")]
            go_on.set()
            await asyncio.to_thread(bench.change, "a", x="3")
            await until(lambda: len(changes) > 2, "the change of somebody else")
            await asyncio.to_thread(bench.drop, "a")
            await view.agrees()
            assert changes == [(key, "1"), (key, "2"), (key, "3"), (key, "gone")]

    asyncio.run(scenario())


def test_an_answer_that_comes_after_a_later_change_takes_nothing_back(bench: Bench) -> None:
    async def scenario() -> None:
        bench.keep("a", x="1")
        bench.keep("b", x="1")
        async with bench.client() as writer, view_of(bench) as view:
            changed = await writer.merge_patch(CONFIG_MAPS, Key(bench.namespace, "a"), {"data": {"x": "2"}})
            deleted = await writer.merge_patch(CONFIG_MAPS, Key(bench.namespace, "b"), {"data": {"x": "2"}})
            await asyncio.to_thread(bench.change, "a", x="3")
            await asyncio.to_thread(bench.drop, "b")
            await view.agrees()
            before = view.versions()
            for late in (changed, deleted):
                view.informer.wrote(late.body)
            assert view.versions() == before

    asyncio.run(scenario())


def test_what_was_written_while_a_list_was_read_stays_though_the_list_is_older(bench: Bench) -> None:
    async def scenario() -> None:
        proxy, go_on = bench.proxy(), threading.Event()
        for name in ("a", "b", "c"):
            bench.keep(name, x="1")
        proxy.fault(lambda asked: "continue=" in asked.query, hold(go_on))
        async with bench.client() as writer, bench.client(proxy) as client:
            view = View(bench, client, page=1)
            running = asyncio.create_task(view.informer.run())
            await asyncio.to_thread(proxy.wait_for, 2, "GET", "/configmaps")
            changed = await writer.merge_patch(CONFIG_MAPS, Key(bench.namespace, "c"), {"data": {"x": "2"}})
            made = await writer.create(CONFIG_MAPS, bench.namespace, {"metadata": {"name": "d"}})
            for reply in (changed, made):
                view.informer.wrote(reply.body)
            known = {each: view.informer.get(Key(bench.namespace, each)) for each in ("c", "d")}
            proxy.fault(watches, answer(503), times=math.inf)
            go_on.set()
            await view.informer.synced.wait()
            assert set(view.versions()) == {"a", "b", "c", "d"}
            assert all(view.informer.get(Key(bench.namespace, each)) is known[each] for each in known)
            running.cancel()

    asyncio.run(scenario())


def test_an_answer_that_cannot_be_read_changes_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        bench.keep("a", x="1")
        async with view_of(bench) as view:
            before = view.versions()
            for body in (b"", b"[]", b'{"metadata": {"name": "a", "resourceVersion": "none"}}'):
                view.informer.wrote(body)
            assert view.versions() == before
            assert view.metrics.unreadable == 3

    asyncio.run(scenario())


def test_a_handler_that_fails_is_no_reason_to_see_less(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench.client() as client:
            view = View(bench, client)

            def fail(*_: object) -> None:
                raise RuntimeError("a mistake")

            view.informer.on_change(fail)
            running = asyncio.create_task(view.informer.run())
            await view.informer.synced.wait()
            await asyncio.to_thread(bench.keep, "a")
            await view.agrees()
            running.cancel()

    asyncio.run(scenario())
