"""`drplan graph` from manifests and for the revert of a real run."""

from __future__ import annotations

import pytest

from support.command import drplan, manifests
from support.http_site import Site
from support.plans import http, plan, stage, workflow

GUARDED = [http("check", "http://$(params.host)/"), http("only-install", when="mode == install")]


@pytest.fixture
def folder(tmp_path):
    return manifests(
        tmp_path / "plan",
        plan(stage("db", "w", "v", parallel=True), stage("web", "v")),
        workflow("w", *GUARDED, parameters=[{"name": "host"}]),
        workflow("v", http("move", method="POST")),
    )


def test_a_plan_is_drawn_with_what_does_not_run_in_this_mode_dashed(folder):
    called = drplan("graph", "-f", folder, "--mode", "Upgrade", "-p", "host=a")
    assert called.code == 0
    lines = called.out.splitlines()
    assert lines[0] == "flowchart TB"
    assert any("s1.w1.a2 only-install" in line and line.endswith(":::decided") for line in lines)
    assert '  s1 -->|"success"| s2' in lines
    installed = drplan("graph", "-f", folder, "--mode", "Install", "-p", "host=a").out
    assert "  s1_w1_a1 --> s1_w1_a2" in installed.splitlines()


def test_dot_is_drawn_the_same_way(folder):
    called = drplan("graph", "-f", folder, "--mode", "Upgrade", "-p", "host=a", "-o", "dot")
    assert called.code == 0
    assert called.out.startswith("digraph plan {")
    assert 'ltail="cluster_s1", lhead="cluster_s2"' in called.out


def test_what_cannot_be_decided_is_an_error_with_its_place(folder):
    called = drplan("graph", "-f", folder, "-p", "host=a")
    assert called.code == 1
    assert "give the execution spec.mode" in called.err
    missing = drplan("graph", "-f", folder, "--mode", "Upgrade")
    assert missing.code == 1
    assert "1.yaml:" in missing.err
    assert missing.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give the manifests with -f"),
        (["--revert", "x", "--mode", "Install"], "--revert takes no --plan and no --mode"),
        (["--revert", "nosuch"], "nosuch"),
        (["--force", "-f", "x.yaml"], "--force goes with --revert"),
    ],
)
def test_wrong_options_exit_with_1(tmp_path, arguments, message):
    called = drplan("graph", *arguments, "--state", tmp_path)
    assert called.code == 1
    assert message in called.err


def test_a_revert_is_drawn_from_what_was_recorded(tmp_path):
    state = tmp_path / "state"
    back = {"http": {"url": "http://back.example/", "method": "DELETE"}}
    with Site() as site:
        made = [http(name, f"{site.url}/{name}", method="PUT", rollback=back) for name in ("first", "second")]
        made.append(http("note", f"{site.url}/note", method="POST"))
        folder = manifests(tmp_path / "plan", plan(stage("one", "w"), stage("two", "w")), workflow("w", *made))
        assert drplan("run", "-f", folder, "--state", state).code == 0
    called = drplan("graph", "--revert", "pay-execute-1", "--state", state, "-n", "dr")
    assert called.code == 0
    lines = called.out.splitlines()
    assert '  s2 -->|"success"| s1' in lines
    assert '  s1_w1_a2 -->|"success"| s1_w1_a1' in lines
    assert any("note" in line and "No rollback defined" in line and line.endswith(":::decided") for line in lines)
    assert drplan("graph", "-f", folder, "--revert", "pay-execute-1", "--state", state, "-n", "dr").out == called.out
