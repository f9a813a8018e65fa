"""A runner that is killed between any two of its requests, and the pod that takes over: nothing is done twice.

Every request of an undisturbed run is a place to die at: before the API server gets to see it, and after it has
answered, before the runner gets to know.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest

from support.api_faults import Asked, Victim, kill, nth
from support.api_proxy import Proxy
from support.api_runner import Room, at_once
from support.http_site import Answer, Site
from support.runner_bench import spec

pytestmark = pytest.mark.bed
KEY = "s1.w1.a1"
KILLED = -9


class Case(NamedTuple):
    """An action, and how the site answers it."""

    name: str
    method: str
    answers: tuple[Answer, ...] = (Answer(),)
    retries: int = 0

    def what(self, url: str) -> dict[str, Any]:
        return spec(url=url, method=self.method, retries=self.retries)


CASES = [
    Case("post", "POST"),
    Case("put", "PUT"),
    Case("post-again", "POST", (Answer(503), Answer()), retries=1),
]


def undisturbed(room: Room, site: Site, case: Case) -> tuple[list[Asked], int]:
    """Requests of a run that nothing happens to, and how many of them come before its first call."""
    site.script(f"/{case.name}", *case.answers)
    proxy = room.proxy()
    run = room.run(case.name)
    before_call: list[int] = []
    proxy.fault(lambda asked: bool(before_call.append(site.count(f"/{case.name}"))), kill(Victim(), forwarded=False))
    assert run.pod("pod", port=proxy.port).start(KEY, case.what(f"{site.url}/{case.name}")).wait() == 0
    return proxy.asked, before_call.count(0)


def die_and_take_over(
    room: Room, site: Site, case: Case, number: int, *, forwarded: bool, before_call: int, last: int
) -> None:
    """Kill a runner at one of its requests and let another pod go on; check what came of it."""
    name = f"{case.name}-{number}-{'after' if forwarded else 'before'}"
    site.script(f"/{name}", *case.answers)
    what = case.what(f"{site.url}/{name}")
    run, proxy, victim = room.run(name), room.proxy(), Victim()
    proxy.fault(nth(number), kill(victim, forwarded=forwarded))
    lost = run.pod("lost", port=proxy.port)
    assert lost.start(KEY, what, victim=victim).wait() == KILLED, name
    assert not lost.has_result(KEY), name
    called = site.count(f"/{name}")

    following = run.pod("next")
    code = following.start(KEY, what).wait()
    state, calls = run.state(KEY), site.count(f"/{name}")
    assert following.result(KEY)["phase"] == state["phase"], name
    ended = number == last and forwarded
    sent = number > before_call or (number == before_call and forwarded)
    if ended:
        assert (code, calls, following.result(KEY)["replayed"]) == (0, called, True), name
    elif sent and case.method == "POST":
        assert (code, calls, state["phase"]) == (5, called, "Unknown"), name
    else:
        assert (code, state["phase"]) == (0, "Succeeded"), name
        assert calls - called == (1 if called else len(case.answers)), name
    if not ended and number > 3:
        assert state["holder"]["attempt"] == 2, name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_runner_that_dies_between_any_two_requests_is_followed_by_one_that_repeats_nothing(
    room: Room, site: Site, case: Case
) -> None:
    asked, before_call = undisturbed(room, site, case)
    assert [one.method for one in asked[:5]] == ["GET", "GET", "POST", "GET", "PUT"]
    assert before_call == 5
    deaths: list[Callable[[], None]] = [
        partial(
            die_and_take_over,
            room,
            site,
            case,
            number,
            forwarded=forwarded,
            before_call=before_call,
            last=len(asked),
        )
        for number in range(1, len(asked) + 1)
        for forwarded in (False, True)
    ]
    at_once(*deaths)


def test_a_pod_that_takes_over_may_die_as_well_wherever_it_is(room: Room, site: Site) -> None:
    def die_twice(number: int, *, forwarded: bool) -> None:
        name = f"{number}-{'after' if forwarded else 'before'}"
        what = spec(url=f"{site.url}/{name}")
        run = room.run(name)
        for pod, proxy, at in (("first", room.proxy(), 4), ("second", room.proxy(), number)):
            victim = Victim()
            proxy.fault(nth(at), kill(victim, forwarded=forwarded))
            assert run.pod(pod, port=proxy.port).start(KEY, what, victim=victim).wait() == KILLED, name
        code = run.pod("third").start(KEY, what).wait()
        if (number, forwarded) == (7, True):
            assert (code, site.count(f"/{name}")) == (0, 1), name
        elif number > 6 or (number == 6 and forwarded):
            assert (code, run.state(KEY)["phase"]) == (5, "Unknown"), name
            assert site.count(f"/{name}") == (number == 7), name
        else:
            assert (code, site.count(f"/{name}")) == (0, 1), name

    # The second asks for fence, record and pod, takes the record, asks for the fence, writes `sent` and the end.
    at_once(*(partial(die_twice, number, forwarded=forwarded) for number in range(1, 8) for forwarded in (False, True)))


def test_what_the_other_runners_of_a_lane_did_is_replayed_and_the_rest_is_done(room: Room, site: Site) -> None:
    def proxied(proxy: Proxy) -> None:
        run, victim = room.run(), Victim()
        proxy.fault(nth(3), kill(victim, forwarded=True))
        first, second = spec(url=f"{site.url}/1"), spec(url=f"{site.url}/2", after=["a1"])
        third = spec(url=f"{site.url}/3", after=["a2"])
        lost = run.pod("lost")
        assert lost.start(KEY, first).wait() == 0
        dying = run.pod("dying-lane", port=proxy.port, folder=lost.folder)
        waiting = lost.start("s1.w1.a3", third)
        assert dying.start("s1.w1.a2", second, victim=victim).wait() == KILLED
        assert waiting.wait() == 77
        assert not lost.has_result("s1.w1.a3")
        closing = lost.start_with("s1.w1", ["--close", "--members=a1,a2,a3", "--limit=16384"])
        assert closing.wait() == 75
        assert not run.has_record("s1.w1.a3")

        following = run.pod("next")
        runners = [
            following.start(key, what) for key, what in ((KEY, first), ("s1.w1.a2", second), ("s1.w1.a3", third))
        ]
        closing = following.start_with("s1.w1", ["--close", "--members=a1,a2,a3", "--limit=16384"])
        assert [runner.wait() for runner in (*runners, closing)] == [0, 0, 0, 0]
        assert [following.result(f"s1.w1.a{number}")["replayed"] for number in (1, 2, 3)] == [True, False, False]

    proxied(room.proxy())
    assert [site.count(f"/{number}") for number in (1, 2, 3)] == [1, 1, 1]
