"""The program serves admission, when it is told where."""

from __future__ import annotations

import json
import shutil
import ssl
import urllib.request
from pathlib import Path

import pytest

from support import plans
from support.admission import asked
from support.api_admin import Administrator
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench
from support.plans import http, stage, workflow
from support.syncer_process import free_port
from syncer.admission.wire import Operation

pytestmark = pytest.mark.bed
PATH = "/validate-dr-bkbcs-tencent-com-v1alpha1-drplanexecution"


def test_reviews_are_answered_from_what_is_in_view_and_counted(
    administrator: Administrator, certificate: Certificate, tmp_path: Path
) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    shutil.copy(certificate.certificate, folder / "tls.crt")
    shutil.copy(certificate.key, folder / "tls.key")
    port = free_port()
    with SyncerBench(administrator, certificate, tmp_path) as bench:
        syncer = bench.start(f"--webhook-address=127.0.0.1:{port}", f"--webhook-certificates={folder}")
        syncer.until_ready()
        bench.plan(stage("db", "one"), workflows=[workflow("one", http("act", method="PUT"))])
        first = bench.execute("pay-1")
        bench.bound("pay-1")
        bench.until_phase("pay-1", "Running")
        second = plans.execution("pay-2")
        second["metadata"]["namespace"] = bench.namespace
        trust = ssl.create_default_context(cafile=str(certificate.authority))
        request = urllib.request.Request(
            f"https://127.0.0.1:{port}{PATH}",
            asked(Operation.CREATE, second, None),
            {"Content-Type": "application/json"},
        )
        with urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        ).open(request, timeout=20) as answer:
            said = json.load(answer)["response"]
        assert not said["allowed"]
        name = first["metadata"]["name"]
        assert f"plan pay already has a running execution: {bench.namespace}/{name}" in said["status"]["message"]
        counted = 'drplan_admission_total{allowed="false",kind="DRPlanExecution",operation="CREATE"} 1.0'
        assert counted in (syncer.get("/metrics") or "")
