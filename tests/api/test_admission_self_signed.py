"""The syncer's own certificate, with the syncer's rights, in a real API server that asks the server behind it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.admission import Objects
from support.admission_bench import CONFIGURATIONS, webhooks
from support.api_admin import Administrator, path_of
from support.kube_bench import client_of
from support.plans import plan, stage
from syncer.admission.certificates import CertificateError, Shown
from syncer.admission.self_signed import SECRET, SelfSigned
from syncer.admission.server import Server, ending_namespaces
from syncer.kube.client import Client

pytestmark = pytest.mark.bed

PLURALS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
ACCOUNT = "drplan-syncer"
BROKEN = plan(stage("db", "mysql"), stage("db", "mysql"))
REFUSED = re.escape("denied the request: validation failed: [stage[1]: duplicate stage name 'db']")
LEARNING = 1.0
"""Seconds that the API server takes at most to learn that its webhooks have changed."""


Object = dict[str, Any]


class Installed:
    """What an installation leaves: an account with the syncer's rights, an empty Secret, webhooks without trust."""

    def __init__(self, administrator: Administrator, folder: Path) -> None:
        self.administrator = administrator
        self.namespace = f"self-signed-{uuid.uuid4().hex[:6]}"
        self.account = folder / "account"
        self.listener = administrator.bed.listen("127.0.0.1")

    def __enter__(self) -> Installed:
        ask = self.administrator
        ask.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        for kind, name in (("ServiceAccount", ACCOUNT), ("Secret", SECRET)):
            ask.create({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}, namespace=self.namespace)
        self._grant("", "secrets", SECRET, ["get", "update"], within=self.namespace)
        for plural in PLURALS:
            self._grant("admissionregistration.k8s.io", plural, "drplan", ["get", "patch"])
        for configuration, plural in zip(webhooks(self.listener.getsockname()[1], None), PLURALS, strict=True):
            ask.ask("POST", f"{CONFIGURATIONS}/{plural}", configuration)
        self.account.mkdir()
        token = ask.ask("POST", path_of("ServiceAccount", self.namespace, ACCOUNT) + "/token", {"spec": {}})
        (self.account / "token").write_text(token["status"]["token"])
        (self.account / "ca.crt").write_bytes(ask.bed.authority.ca.read_bytes())
        return self

    def __exit__(self, *_: object) -> None:
        ask = self.administrator
        for plural in PLURALS:
            ask.ask("DELETE", f"{CONFIGURATIONS}/{plural}/drplan")
            ask.delete("ClusterRoleBinding", "", f"{self.namespace}-{plural}")
            ask.delete("ClusterRole", "", f"{self.namespace}-{plural}")
        ask.delete("Namespace", "", self.namespace)
        self.listener.close()

    @property
    def secret(self) -> Object:
        found = self.administrator.get("Secret", self.namespace, SECRET)
        assert found is not None
        return found

    def trusted(self) -> list[bytes]:
        """What each webhook trusts."""
        found = [self.administrator.ask("GET", f"{CONFIGURATIONS}/{plural}/drplan") for plural in PLURALS]
        clients = [webhook["clientConfig"] for each in found for webhook in each["webhooks"]]
        return [base64.b64decode(client.get("caBundle") or "") for client in clients]

    def keeper(self, client: Client, shown: Shown, **options: Any) -> SelfSigned:
        return SelfSigned(client, self.namespace, shown, names=["IP:127.0.0.1"], **options)

    async def refuse(self) -> None:
        """Have a broken plan be refused by the webhook, not for the lack of it."""
        path = f"/apis/dr.bkbcs.tencent.com/v1alpha1/namespaces/{self.namespace}/drplans"
        value = {**BROKEN, "metadata": {"name": "broken"}}
        with pytest.raises(AssertionError, match=REFUSED):
            await asyncio.to_thread(self.administrator.ask, "POST", path, value)

    def run(self, scenario: Callable[[Client], Awaitable[None]]) -> None:
        async def main() -> None:
            async with await client_of(self.account, self.administrator.bed.state.port) as client:
                await scenario(client)
            await asyncio.sleep(0.25)

        asyncio.run(main())

    def _grant(self, group: str, resource: str, name: str, verbs: list[str], *, within: str = "") -> None:
        kind, called = ("Role", "webhook") if within else ("ClusterRole", f"{self.namespace}-{resource}")
        rule = {"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": verbs}
        api = "rbac.authorization.k8s.io"
        self.administrator.create(
            {"apiVersion": f"{api}/v1", "kind": kind, "metadata": {"name": called}, "rules": [rule]}, namespace=within
        )
        binding = {
            "apiVersion": f"{api}/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": called},
            "roleRef": {"apiGroup": api, "kind": kind, "name": called},
            "subjects": [{"kind": "ServiceAccount", "namespace": self.namespace, "name": ACCOUNT}],
        }
        self.administrator.create(binding, namespace=within)


@pytest.fixture
def installed(administrator: Administrator, tmp_path: Path) -> Iterator[Installed]:
    with Installed(administrator, tmp_path) as made:
        yield made


def data(secret: Object, name: str) -> bytes:
    return base64.b64decode(secret["data"][name])


async def serving(installed: Installed, client: Client, shown: Shown) -> Server:
    server = Server(Objects(), shown, ending=ending_namespaces(client), counted=lambda *_: None)
    await server.start(installed.listener)
    return server


async def know(keeper: SelfSigned) -> None:
    """Look as soon as the API server knows the account's rights."""
    end = asyncio.get_running_loop().time() + 30
    while True:
        try:
            return await keeper.look()
        except CertificateError:
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(0.1)


def test_an_empty_secret_is_filled_and_the_api_server_trusts_what_is_shown(installed: Installed) -> None:
    async def scenario(client: Client) -> None:
        shown = Shown()
        await know(installed.keeper(client, shown))
        assert shown.pair is not None
        assert data(installed.secret, "tls.crt") == shown.pair.certificate
        assert data(installed.secret, "tls.key") == shown.pair.key
        assert installed.trusted() == [shown.pair.certificate] * 4
        server = await serving(installed, client, shown)
        await asyncio.sleep(LEARNING)
        await installed.refuse()
        await server.stop(drain=0)

    installed.run(scenario)


def test_after_a_restart_the_same_certificate_is_shown_and_nothing_is_written(installed: Installed) -> None:
    async def scenario(client: Client) -> None:
        first, second = Shown(), Shown()
        await know(installed.keeper(client, first))
        before = installed.secret["metadata"]["resourceVersion"]
        await installed.keeper(client, second).look()
        assert second.pair == first.pair
        assert installed.secret["metadata"]["resourceVersion"] == before

    installed.run(scenario)


def test_two_replicas_that_start_at_once_show_the_same_certificate(installed: Installed) -> None:
    async def scenario(client: Client) -> None:
        shown = [Shown() for _ in range(4)]
        keepers = [installed.keeper(client, each) for each in shown]
        await asyncio.gather(*map(know, keepers))
        assert {each.pair for each in shown} == {shown[0].pair}
        for keeper in keepers:
            await keeper.look()
        assert shown[0].pair is not None
        assert installed.trusted() == [shown[0].pair.certificate] * 4

    installed.run(scenario)


def test_a_certificate_near_its_end_is_replaced_without_a_review_that_fails(installed: Installed) -> None:
    old = {b""}

    async def is_old(certificate: bytes) -> bool:
        return certificate in old

    async def scenario(client: Client) -> None:
        shown = Shown()
        keeper = installed.keeper(client, shown, due=is_old)
        await know(keeper)
        first = shown.pair
        assert first is not None
        server = await serving(installed, client, shown)
        await asyncio.sleep(LEARNING)
        await installed.refuse()

        old.add(first.certificate)
        await keeper.look()
        assert shown.pair == first
        new = data(installed.secret, "tls.crt")
        assert new != first.certificate
        assert installed.trusted() == [new + first.certificate] * 4
        await installed.refuse()

        await asyncio.sleep(LEARNING)
        await keeper.look()
        assert shown.pair is not None
        assert shown.pair.certificate == new
        await installed.refuse()
        await server.stop(drain=0)

    installed.run(scenario)


def test_another_replica_shows_a_replaced_certificate_one_look_after_it_sees_it(installed: Installed) -> None:
    old: set[bytes] = set()

    async def is_old(certificate: bytes) -> bool:
        return certificate in old

    async def scenario(client: Client) -> None:
        here, there = Shown(), Shown()
        one, other = (installed.keeper(client, shown, due=is_old) for shown in (here, there))
        await know(one)
        await other.look()
        first = here.pair
        assert first is not None
        old.add(first.certificate)
        await one.look()
        await other.look()
        assert there.pair == first
        await other.look()
        assert there.pair is not None
        assert there.pair.certificate == data(installed.secret, "tls.crt") != first.certificate

    installed.run(scenario)


def test_trust_that_an_upgrade_has_taken_away_comes_back(installed: Installed) -> None:
    async def scenario(client: Client) -> None:
        shown = Shown()
        keeper = installed.keeper(client, shown)
        await know(keeper)
        path = f"{CONFIGURATIONS}/{PLURALS[0]}/drplan"
        found = installed.administrator.ask("GET", path)
        for webhook in found["webhooks"]:
            del webhook["clientConfig"]["caBundle"]
        installed.administrator.ask("PUT", path, found)
        await keeper.look()
        assert shown.pair is not None
        assert installed.trusted() == [shown.pair.certificate] * 4
        untouched = json.dumps(installed.administrator.ask("GET", path)["webhooks"][0]["rules"])
        assert "drplans" in untouched

    installed.run(scenario)


@pytest.mark.parametrize("broken", [{"tls.key": "bm9uZQ=="}, {"tls.crt": None}, {"ca.crt": None}])
def test_a_secret_that_holds_no_certificate_is_filled_anew(installed: Installed, broken: Object) -> None:
    async def scenario(client: Client) -> None:
        await know(installed.keeper(client, Shown()))
        installed.administrator.merge("Secret", installed.namespace, SECRET, {"data": broken})
        shown = Shown()
        await installed.keeper(client, shown).look()
        assert shown.pair is not None
        assert data(installed.secret, "tls.key") == shown.pair.key
        assert all(shown.pair.certificate in trust for trust in installed.trusted())

    installed.run(scenario)


def test_without_the_secret_or_the_right_to_it_it_is_said_what_is_missing(installed: Installed) -> None:
    async def scenario(client: Client) -> None:
        await know(installed.keeper(client, Shown()))
        installed.administrator.delete("Secret", installed.namespace, SECRET)
        with pytest.raises(CertificateError, match=f"there is no Secret {installed.namespace}/{SECRET}: create it"):
            await installed.keeper(client, Shown()).look()
        with pytest.raises(CertificateError, match=r"secrets .* is forbidden"):
            await SelfSigned(client, "default", Shown()).look()

    installed.run(scenario)
