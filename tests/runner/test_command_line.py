"""The command line and the environment: what is accepted, and how mistakes are told."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.arguments import UsageError, parse
from runner.settings import SettingError, Waits, from_environment, parse_duration, problems
from support.runner_bench import QUICK, ROOT, Bench, spec


def test_an_action_as_argo_starts_it() -> None:
    found = parse(["s1.w2.a3", '--spec={"a": "--close"}', "--direction=revert", "--undo=pay-0123456789"])
    assert (found.key, found.spec, found.revert, found.undo) == ("s1.w2.a3", '{"a": "--close"}', True, "pay-0123456789")
    assert (found.lane, found.about, found.specs, found.state) == ("/lane", "/run/drplan", "/spec", "")
    assert found.termination_log == "/dev/termination-log"
    assert not found.close


def test_a_closing_container_as_argo_starts_it() -> None:
    found = parse(["s1.w2", "--close", "--members=a1,h2", "--limit=4096"])
    assert (found.close, found.members, found.limit) == (True, ("a1", "h2"), 4096)


def test_a_value_may_follow_its_flag() -> None:
    assert parse(["--lane", "/x", "s1.w1.h1", "--spec-ref", "h1"]).lane == "/x"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "one key"),
        (["s1.w1.a1", "s1.w1.a2", "--spec={}"], "one key"),
        (["s1.w1", "--spec={}"], "no key of an action"),
        (["s1.w1.a1.b", "--spec={}"], "no key of an action"),
        (["../s1.w1.a1", "--spec={}"], "no key of an action"),
        (["s1.w1.a1"], "exactly one of"),
        (["s1.w1.a1", "--spec={}", "--spec-ref=a1"], "exactly one of"),
        (["s1.w1.a1", "--spec"], "needs a value"),
        (["s1.w1.a1", "--spec={}", "--direction=back"], "forward or revert"),
        (["s1.w1.a1", "--spec={}", "--force"], "unknown flag --force"),
        (["s1.w1.a1", "--close", "--members=a1"], "no key of a workflow use"),
        (["s1.w1", "--close"], "--members"),
        (["s1.w1", "--close", "--members=a1,x"], "--members"),
        (["s1.w1", "--close", "--members=a1", "--limit=all"], "--limit"),
    ],
)
def test_a_mistake_is_told(arguments: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse(arguments)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_a_mistake_ends_with_4_and_one_line() -> None:
    ended = run("s1.w1.a1")
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr == "drplan-runner: exactly one of --spec and --spec-ref says what to do\n"


def test_help_tells_every_flag_and_exit_code() -> None:
    text = run("--help").stdout
    for word in ("--spec-ref", "--undo", "--members", "--termination-log", "75 nothing done", "143 stopped"):
        assert word in text


@pytest.mark.parametrize(
    ("variable", "text"),
    [("DRPLAN_LEASE", "soon"), ("DRPLAN_LEASE", "-5s"), ("DRPLAN_API_WAIT", "5"), ("DRPLAN_FENCE_WAIT", "99999h")],
)
def test_a_waiting_time_that_is_none_fails_the_action_and_is_named(bench: Bench, variable: str, text: str) -> None:
    lane = bench.lane()
    ended = lane.start("s1.w1.a1", spec(), environment={variable: text})
    assert ended.wait() == 4
    result = lane.result("s1.w1.a1")
    assert (result["phase"], result["reason"]) == ("Failed", "InvalidSpec")
    assert result["message"].startswith(f"environment variable {variable}: '{text}' is ")
    assert result["message"].endswith("; write it like 90s, 1m30s or 500ms")
    assert not bench.has_record("s1.w1.a1")


def test_a_lane_is_closed_whatever_the_waiting_times(bench: Bench) -> None:
    lane = bench.lane()
    lane.put("s1.w1.a1", "Failed", reason="InvalidSpec", message="environment variable DRPLAN_LEASE: …")
    assert lane.close(["a1"], environment={"DRPLAN_LEASE": "soon"}).wait() == 0
    assert "InvalidSpec" in (lane.folder / "result.json").read_text()


@given(texts=st.dictionaries(st.sampled_from(sorted(QUICK)), st.sampled_from(["", "0s", "2s", "x", "-1s", "9e9h"])))
def test_what_has_no_problem_can_be_read_and_the_rest_cannot(texts: dict[str, str]) -> None:
    found = problems(texts)
    assert all(any(f"variable {name}: " in problem for name in texts) for problem in found)
    if found:
        with pytest.raises(SettingError):
            from_environment(texts)
    else:
        assert from_environment(texts).lease > 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("5m", 300), ("1h30m", 5400), ("500ms", 0.5), ("1m30.5s", 90.5), ("0s", 0)]
)
def test_durations_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@given(text=st.text(max_size=6))
def test_anything_else_is_no_duration(text: str) -> None:
    assume(not re.fullmatch(r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+", text))
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_what_is_not_set_has_the_time_of_the_contract() -> None:
    waits = from_environment({})
    assert waits == Waits(fence=60, api=300, lease=60, start=600, pause_poll=5)
    assert (waits.renew, waits.fencing, waits.stop, waits.last_write) == (10, 40, 20, 600)


def test_a_lease_of_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="longer than nothing"):
        from_environment({"DRPLAN_LEASE": "0s"})


@given(lease=st.floats(0.1, 1e6))
def test_a_holder_stops_starting_calls_well_before_anybody_may_take_over(lease: float) -> None:
    waits = Waits(lease=lease)
    assert 2 * waits.renew < waits.fencing < lease - waits.renew


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("{", "the spec is no JSON"),
        ('{"v": 2}', "the spec is not of version 1"),
        ({**spec(), "type": "Mail"}, "field type of the spec is 'Mail'"),
        ({**spec(), "timeout": 0}, "field timeout of the spec should be a number over 0"),
        ({**spec(), "idempotent": None}, "field idempotent of the spec should be of type bool"),
        ({**spec(), "http": None}, "field http of the spec should be of type dict"),
        ({**spec(), "http": {"url": 1}}, "field http.url of the spec should be a text"),
        ({**spec(), "holes": [{"at": "/http/none", "parts": []}]}, "points at '/http/none'"),
        ({**spec(), "holes": [{"at": "/http/url", "parts": [{"secret": "HOME"}]}]}, "a part of a hole should be"),
    ],
)
def test_a_spec_that_is_wrong_is_told_before_anything_runs(
    bench: Bench, what: dict[str, object] | str, told: str
) -> None:
    lane = bench.lane()
    runner = lane.start("s1.w1.a1", what)
    assert runner.wait() == 4
    assert told in runner.last_message
    result = lane.result("s1.w1.a1")
    assert (result["phase"], result["reason"], result["record"]) == ("Failed", "InvalidSpec", "")
    assert not bench.has_record("s1.w1.a1")


def test_a_spec_can_be_a_file_of_the_folder_of_specs(bench: Bench, tmp_path: object) -> None:
    folder = bench.folder / "specs"
    folder.mkdir()
    (folder / "a1").write_text('{"v": 2}')
    lane = bench.lane()
    found = lane.start_with("s1.w1.a1", ["--spec-ref=a1", f"--specs={folder}"], None)
    missing = lane.start_with("s1.w1.a2", ["--spec-ref=a2", f"--specs={folder}"], None)
    assert (found.wait(), missing.wait()) == (4, 4)
    assert "the spec is not of version 1" in found.last_message
    assert "is its ConfigMap mounted?" in missing.last_message


def test_outside_a_cluster_a_folder_of_state_is_asked_for(bench: Bench) -> None:
    import json

    runner = bench.lane().start_with("s1.w1.a1", [f"--spec={json.dumps(spec())}"], {"KUBERNETES_SERVICE_HOST": ""})
    assert runner.wait() == 4
    assert "give --state=DIR" in runner.last_message


def test_a_folder_that_does_not_say_which_run_it_is_is_named(bench: Bench) -> None:
    lane = bench.lane("empty")
    (bench.folder / "about-empty" / "run").write_text("{}")
    runner = lane.start("s1.w1.a1", spec())
    assert runner.wait() == 4
    assert "does not say which run this is" in runner.last_message


def test_a_waiting_runner_has_imported_nothing_heavy() -> None:
    heavy = {"urllib3", "http.client", "ssl", "hashlib", "threading", "dataclasses", "inspect", "uuid", "urllib.parse"}
    code = f"import sys, runner.main; print(sorted({heavy!r} & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stdout.strip() == "[]"
