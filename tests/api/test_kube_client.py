"""The client: what it asks of a real API server, and what it makes of every kind of answer and of none."""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from support.api_admin import Administrator
from support.api_faults import answer, asks, drop
from support.api_proxy import Certificate
from support.kube_bench import AGENT, Bench, client_of
from syncer.kube import errors
from syncer.kube.client import Client, Selection
from syncer.kube.resources import CONFIG_MAPS, NAMESPACES, PODS, Key, Resource

pytestmark = pytest.mark.bed


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[Bench]:
    with Bench(administrator, certificate, tmp_path) as made:
        yield made


def run(bench: Bench, scenario: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with bench.client() as client:
            await scenario(client)

    asyncio.run(main())


def test_objects_are_created_read_changed_replaced_and_deleted(bench: Bench) -> None:
    key = Key(bench.namespace, "a")

    async def scenario(client: Client) -> None:
        made = await client.create(CONFIG_MAPS, bench.namespace, {"metadata": {"name": "a"}, "data": {"x": "1"}})
        patched = await client.merge_patch(CONFIG_MAPS, key, {"data": {"x": None, "y": "{ü}"}})
        assert (await client.get(CONFIG_MAPS, key)).object["data"] == {"y": "{ü}"}
        value = patched.object | {"data": {"z": "3"}}
        replaced = await client.replace(CONFIG_MAPS, key, value)
        assert replaced.metadata.uid == made.metadata.uid
        with pytest.raises(errors.Conflict):
            await client.replace(CONFIG_MAPS, key, value)
        assert bench.administrator.get("ConfigMap", *key)["data"] == {"z": "3"}  # type: ignore[index]
        managers = {each["manager"] for each in replaced.object["metadata"]["managedFields"]}
        assert managers == {AGENT}
        await client.delete(CONFIG_MAPS, key)
        with pytest.raises(errors.NotFound):
            await client.get(CONFIG_MAPS, key)

    run(bench, scenario)


def test_applying_creates_and_then_changes_what_is_ours(bench: Bench) -> None:
    key = Key(bench.namespace, "a")

    async def scenario(client: Client) -> None:
        await client.apply(CONFIG_MAPS, key, {"data": {"x": "1", "y": "1"}})
        bench.change("a", other="1")
        await client.apply(CONFIG_MAPS, key, {"data": {"x": "2"}})

    run(bench, scenario)
    assert bench.administrator.get("ConfigMap", *key)["data"] == {"x": "2", "other": "1"}  # type: ignore[index]


def test_a_write_that_names_a_version_or_a_uid_changes_nothing_else(bench: Bench) -> None:
    old = bench.keep("a")["metadata"]
    bench.change("a", x="1")
    key = Key(bench.namespace, "a")

    async def scenario(client: Client) -> None:
        with pytest.raises(errors.Conflict):
            await client.merge_patch(CONFIG_MAPS, key, {"data": {}}, resource_version=old["resourceVersion"])
        with pytest.raises(errors.Conflict):
            await client.delete(CONFIG_MAPS, key, resource_version=old["resourceVersion"])
        with pytest.raises(errors.Conflict):
            await client.delete(CONFIG_MAPS, key, uid="00000000-0000-0000-0000-000000000000")
        with pytest.raises(errors.AlreadyExists):
            await client.create(CONFIG_MAPS, bench.namespace, {"metadata": {"name": "a"}})
        assert bench.administrator.get("ConfigMap", *key)["data"] == {"x": "1"}  # type: ignore[index]
        await client.delete(CONFIG_MAPS, key, uid=old["uid"])

    run(bench, scenario)
    assert bench.administrator.get("ConfigMap", *key) is None


def test_a_list_comes_page_by_page_and_only_what_is_selected(bench: Bench) -> None:
    for number in range(7):
        bench.keep(f"m-{number}", labels={"parity": "odd" if number % 2 else "even"}, x="1")

    async def scenario(client: Client) -> None:
        selection = Selection(CONFIG_MAPS, bench.namespace, labels="parity in (even)", metadata_only=True)
        pages = [page async for page in client.list(selection, page=3)]
        assert [len(page.items) for page in pages] == [3, 1]
        found = [json.loads(bytes(item)) for page in pages for item in page.items]
        assert [each["metadata"]["name"] for each in found] == ["m-0", "m-2", "m-4", "m-6"]
        assert all("data" not in each for each in found)
        one = Selection(CONFIG_MAPS, bench.namespace, fields="metadata.name=m-3")
        assert [len(page.items) async for page in client.list(one)] == [1]
        assert [len(page.items) async for page in client.list(Selection(PODS, bench.namespace))] == [0]

    run(bench, scenario)


def test_only_metadata_come_when_nothing_else_is_asked_for(bench: Bench) -> None:
    bench.keep("a", x="1" * 10000)

    async def scenario(client: Client) -> None:
        reply = await client.get(CONFIG_MAPS, Key(bench.namespace, "a"), metadata_only=True)
        assert "data" not in reply.object
        assert reply.metadata.key == Key(bench.namespace, "a")
        patch = {"data": {"x": "2"}}
        changed = await client.merge_patch(CONFIG_MAPS, reply.metadata.key, patch, metadata_only=True)
        assert "data" not in changed.object

    run(bench, scenario)


def test_all_that_is_asked_in_the_name_of_a_service_account_is_asked_with_its_rights(bench: Bench) -> None:
    account = Key(bench.namespace, "nobody")
    user = f'User "system:serviceaccount:{bench.namespace}:nobody" cannot'
    key = Key(bench.namespace, "a")
    selection = Selection(CONFIG_MAPS, bench.namespace)
    bench.keep("a")

    async def scenario(client: Client) -> None:
        nobody = client.as_service_account(account)
        with pytest.raises(errors.Forbidden, match=f"{user} get"):
            await nobody.get(CONFIG_MAPS, key)
        with pytest.raises(errors.Forbidden, match=f"{user} list"):
            _ = [page async for page in nobody.list(selection)]
        with pytest.raises(errors.Forbidden, match=f"{user} watch"):
            async with nobody.watch(selection, resource_version="", seconds=5, silence=5.0):
                pass
        with pytest.raises(errors.Forbidden, match=f"{user} delete"):
            await nobody.delete(CONFIG_MAPS, key)
        assert (await client.get(CONFIG_MAPS, key)).metadata.key == key

    run(bench, scenario)


def test_a_kind_is_found_among_those_that_are_served(bench: Bench) -> None:
    async def scenario(client: Client) -> None:
        assert await client.resource("v1", "ConfigMap") == CONFIG_MAPS
        assert await client.resource("v1", "Namespace") == NAMESPACES
        assert await client.resource("v1", "Pod") == PODS
        assert await client.resource("apps/v1", "Deployment") == Resource("apps", "v1", "deployments", "Deployment")
        assert await client.resource("v1", "Deployment") is None
        with pytest.raises(errors.NotFound):
            await client.resource("example.com/v1", "Thing")

    run(bench, scenario)


def test_what_cannot_be_done_says_why(bench: Bench) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(errors.NotFound, match="404: 404 page not found"):
            await client.get(Resource("example.com", "v1", "things", "Thing"), Key("a", "b"))
        with pytest.raises(errors.Invalid, match="422 Invalid"):
            await client.create(CONFIG_MAPS, bench.namespace, {"metadata": {"name": "No Name"}})
        with pytest.raises(errors.Unreadable, match="not what was asked for"):
            (await client.get(NAMESPACES, Key("", "default"))).decode(list[int])

    run(bench, scenario)


def test_faults_in_between_are_errors_of_the_client_and_nothing_else(bench: Bench) -> None:
    proxy = bench.proxy()
    bench.keep("a")
    key = Key(bench.namespace, "a")
    proxy.fault(asks("GET", "/configmaps"), answer(429, retry_after=7))
    proxy.fault(asks("GET", "/configmaps"), answer(503, body=b"<html>"))
    proxy.fault(asks("GET", "/configmaps"), answer(200, body=b"<html>"))
    proxy.fault(asks("GET", "/configmaps"), drop(), times=math.inf)

    async def scenario() -> None:
        async with bench.client(proxy) as client:
            with pytest.raises(errors.TooManyRequests) as busy:
                await client.get(CONFIG_MAPS, key)
            assert busy.value.retry_after == 7
            with pytest.raises(errors.ServerError, match="<html>"):
                await client.get(CONFIG_MAPS, key)
            with pytest.raises(errors.Unreadable):
                (await client.get(CONFIG_MAPS, key)).metadata  # noqa: B018 - reading it is what fails
            with pytest.raises(errors.Unreachable):
                await client.get(CONFIG_MAPS, key)
            proxy.refuse()
            with pytest.raises(errors.Unreachable):
                await client.get(CONFIG_MAPS, key)

    asyncio.run(scenario())


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_was_said(bench: Bench) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            async with await client_of(bench.account, silent.getsockname()[1]) as client:
                with pytest.raises(errors.Unreachable):
                    await client.get(CONFIG_MAPS, Key("a", "b"), seconds=0.2)

    asyncio.run(scenario())


def test_a_token_is_read_when_a_client_connects_and_kept_for_a_while(bench: Bench) -> None:
    """A minute is what the official client keeps a token for; that it reads it again then is not waited for here."""

    async def scenario(client: Client) -> None:
        await client.get(NAMESPACES, Key("", "default"))
        (bench.account / "token").write_text("nonsense")
        await client.get(NAMESPACES, Key("", "default"))

    run(bench, scenario)

    async def later(client: Client) -> None:
        with pytest.raises(errors.Unauthorized):
            await client.get(NAMESPACES, Key("", "default"))

    run(bench, later)


async def ask_again_and_again(client: Client) -> None:
    """Ask until it is refused: the server believes for a moment what it has found out about a token."""
    while True:
        await client.get(NAMESPACES, Key("", "default"))
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("found", ["service account", "kubeconfig"])
def test_a_token_that_is_not_accepted_any_more_is_read_again(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    bench.administrator.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lives"}}, namespace=bench.namespace
    )
    token = bench.account / "token"
    token.write_text(bench.token(bound_to="lives"))
    if found == "kubeconfig":
        monkeypatch.setenv("KUBECONFIG", str(written_kubeconfig(bench, tmp_path, {"tokenFile": str(token)})))

    async def scenario() -> None:
        connecting = bench.client() if found == "service account" else await Client.connect(agent=AGENT)
        async with connecting as client:
            await client.get(NAMESPACES, Key("", "default"))
            bench.administrator.delete("Secret", bench.namespace, "lives")
            with pytest.raises(errors.Unauthorized):
                await ask_again_and_again(client)
            token.write_text(bench.token())
            await client.get(NAMESPACES, Key("", "default"))

    asyncio.run(scenario())


def test_a_kubeconfig_is_found_as_kubectl_finds_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = bench.administrator.bed.places.run / "kubeconfig"
    for variable, value in (("KUBECONFIG", str(ours)), ("HOME", str(tmp_path))):
        monkeypatch.setenv(variable, value)

        async def scenario() -> None:
            async with await Client.connect(agent=AGENT) as client:
                assert (await client.get(NAMESPACES, Key("", bench.namespace))).metadata.name == bench.namespace

        asyncio.run(scenario())
        monkeypatch.delenv("KUBECONFIG", raising=False)
        (tmp_path / ".kube").mkdir(exist_ok=True)
        (tmp_path / ".kube" / "config").write_text(ours.read_text())


def written_kubeconfig(bench: Bench, folder: Path, user: dict[str, object]) -> Path:
    """Write a kubeconfig for a user."""
    cluster = {"server": f"https://127.0.0.1:{bench.port}", "certificate-authority": str(bench.account / "ca.crt")}
    config = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def test_tokens_of_a_credential_plugin_are_used(bench: Bench, tmp_path: Path) -> None:
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    answer_file = tmp_path / "credential.json"
    answer_file.write_text(json.dumps(credential | {"status": {"token": (bench.account / "token").read_text()}}))
    plugin = {"apiVersion": credential["apiVersion"], "command": "cat", "args": [str(answer_file)]}
    path = written_kubeconfig(bench, tmp_path, {"exec": plugin | {"interactiveMode": "Never"}})

    async def scenario() -> None:
        async with await Client.connect(agent=AGENT, kubeconfig=str(path)) as client:
            await client.get(NAMESPACES, Key("", bench.namespace))

    asyncio.run(scenario())


def test_without_any_configuration_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(errors.Unreachable, match="set KUBECONFIG to a kubeconfig, or run this in a pod"):
        asyncio.run(Client.connect(agent=AGENT))
    assert not os.listdir(tmp_path)


def test_lines_of_a_watch_are_whole_however_long_they_are(bench: Bench) -> None:
    texts = ["", "x" * 900_000, "ü" * 400_000, "y"]

    async def scenario(client: Client) -> None:
        selection = Selection(CONFIG_MAPS, bench.namespace)
        (version,) = [page.resource_version async for page in client.list(selection)]
        async with client.watch(selection, resource_version=version, seconds=60, silence=30.0) as lines:
            for number, text in enumerate(texts):
                await asyncio.to_thread(bench.keep, f"m-{number}", text=text)
            seen: list[str] = []
            async for line in lines:
                event = msgspec.json.decode(line)
                if event["type"] == "ADDED":
                    seen.append(event["object"]["data"]["text"])
                if len(seen) == len(texts):
                    break
        assert seen == texts

    run(bench, scenario)
