"""The server on a real socket with real TLS: whatever arrives is answered, and nothing breaks when it stops."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import socket
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest

from support.admission import Objects, asked
from support.plans import execution, http, plan, stage, workflow
from syncer.admission.certificates import KeyPair, Shown
from syncer.admission.self_signed import make
from syncer.admission.server import MAX_BODY, Server, path_of
from syncer.admission.wire import Operation

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")

Object = dict[str, Any]

MYSQL = workflow("mysql", http("a"))
PLAN = plan(stage("db", "mysql"))
BROKEN = plan(stage("", "mysql"))
VALIDATE_PLAN = path_of("validate", "DRPlan")
VALIDATE_WORKFLOW = path_of("validate", "DRWorkflow")


class Served:
    """A running server and a client of it."""

    def __init__(self, view: Any, pair: KeyPair, *, ending: bool = False) -> None:
        self.counted: list[tuple[str, str, bool]] = []
        self.asked_whether_ending: list[str] = []
        self._ending = ending
        shown = Shown()
        shown.show(pair)
        self.server = Server(view, shown, ending=self._is_ending, counted=lambda *answer: self.counted.append(answer))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        trust = ssl.create_default_context(cadata=pair.certificate.decode())
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust))

    async def __aenter__(self) -> Served:
        await self.server.start(self._listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.server.stop(drain=0)
        # TLS connections take a moment to be gone, and a loop that ends before that complains.
        await asyncio.sleep(0.1)

    async def post(self, path: str, body: bytes) -> tuple[int, str]:
        async with self.session.post(self.root + path, data=io.BytesIO(body)) as answer:
            return answer.status, await answer.text()

    async def review(self, path: str, body: bytes) -> Object:
        status, text = await self.post(path, body)
        assert status == HTTPStatus.OK
        answered: Object = json.loads(text)["response"]
        return answered

    async def _is_ending(self, namespace: str) -> bool:
        self.asked_whether_ending.append(namespace)
        return self._ending


def serve(view: Any, scenario: Callable[[Served], Awaitable[None]], *, ending: bool = False) -> None:
    async def main() -> None:
        async with Served(view, await make(["IP:127.0.0.1"]), ending=ending) as served:
            await scenario(served)

    asyncio.run(main())


def test_reviews_are_answered_and_counted() -> None:
    async def scenario(served: Served) -> None:
        assert (await served.review(VALIDATE_PLAN, asked(Operation.CREATE, PLAN, None)))["allowed"] is True
        refused = await served.review(VALIDATE_PLAN, asked(Operation.UPDATE, BROKEN, PLAN))
        assert refused["status"]["message"] == "validation failed: [stage[0]: name is required]"
        stamped = await served.review(path_of("mutate", "DRPlanExecution"), asked(Operation.CREATE, execution(), None))
        assert stamped["patchType"] == "JSONPatch"
        assert served.counted == [
            ("DRPlan", "CREATE", True),
            ("DRPlan", "UPDATE", False),
            ("DRPlanExecution", "CREATE", True),
        ]

    serve(Objects(MYSQL), scenario)


def test_what_is_no_review_is_answered_with_a_reason() -> None:
    async def scenario(served: Served) -> None:
        for body in (b"", b"{", b"[]", b"\xff", asked(Operation.CREATE, MYSQL, None)):
            status, text = await served.post(VALIDATE_PLAN, body)
            assert status == HTTPStatus.BAD_REQUEST
            assert text
        assert (await served.post("/elsewhere", b""))[0] == HTTPStatus.NOT_FOUND
        assert served.counted == []
        assert (await served.review(VALIDATE_PLAN, asked(Operation.CREATE, PLAN, None)))["allowed"] is True

    serve(Objects(MYSQL), scenario)


def test_a_review_that_is_too_large_is_refused_and_the_largest_is_not() -> None:
    async def scenario(served: Served) -> None:
        body = asked(Operation.CREATE, PLAN, None)
        assert (await served.post(VALIDATE_PLAN, body + b" " * MAX_BODY))[0] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert (await served.post(VALIDATE_PLAN, body + b" " * (MAX_BODY - len(body))))[0] == HTTPStatus.OK

    serve(Objects(MYSQL), scenario)


def test_before_all_objects_are_known_nothing_is_let_in() -> None:
    view = Objects(MYSQL)
    view.synced = False

    async def scenario(served: Served) -> None:
        refused = await served.review(VALIDATE_PLAN, asked(Operation.CREATE, PLAN, None))
        assert (refused["allowed"], refused["status"]["code"]) == (False, HTTPStatus.SERVICE_UNAVAILABLE)
        view.synced = True
        assert (await served.review(VALIDATE_PLAN, asked(Operation.CREATE, PLAN, None)))["allowed"] is True

    serve(view, scenario)


def test_a_mistake_in_here_is_a_refusal_that_says_so(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Objects):
        def workflow(self, namespace: str, name: str) -> Object | None:
            raise ZeroDivisionError

    async def scenario(served: Served) -> None:
        refused = await served.review(VALIDATE_PLAN, asked(Operation.CREATE, PLAN, None))
        assert (refused["allowed"], refused["status"]["code"]) == (False, HTTPStatus.INTERNAL_SERVER_ERROR)

    serve(Failing(), scenario)
    assert "reviewing CREATE of DRPlan dr/pay failed" in caplog.text


def test_a_namespace_is_looked_at_only_before_a_deletion_is_refused() -> None:
    async def scenario(served: Served) -> None:
        for body in (asked(Operation.CREATE, BROKEN, None), asked(Operation.CREATE, PLAN, None)):
            await served.review(VALIDATE_PLAN, body)
        assert served.asked_whether_ending == []
        deleted = await served.review(VALIDATE_WORKFLOW, asked(Operation.DELETE, None, MYSQL))
        assert served.asked_whether_ending == ["dr"]
        assert deleted["allowed"] is False

    serve(Objects(MYSQL, PLAN), scenario)


def test_in_a_namespace_that_ends_every_deletion_is_allowed() -> None:
    async def scenario(served: Served) -> None:
        deleted = await served.review(VALIDATE_WORKFLOW, asked(Operation.DELETE, None, MYSQL))
        assert deleted["allowed"] is True
        created = await served.review(VALIDATE_PLAN, asked(Operation.CREATE, BROKEN, None))
        assert created["allowed"] is False

    serve(Objects(MYSQL, PLAN), scenario, ending=True)


def test_a_server_that_stops_answers_on_for_a_while_and_lets_connections_go() -> None:
    async def scenario(served: Served) -> None:
        body = asked(Operation.CREATE, PLAN, None)
        await served.review(VALIDATE_PLAN, body)
        stopping = asyncio.create_task(served.server.stop(drain=0.5))
        await asyncio.sleep(0.1)
        async with served.session.post(served.root + VALIDATE_PLAN, data=body) as answer:
            assert answer.status == HTTPStatus.OK
            assert answer.headers["Connection"] == "close"
        await stopping
        with pytest.raises(aiohttp.ClientConnectorError):
            await served.review(VALIDATE_PLAN, body)

    serve(Objects(MYSQL), scenario)
