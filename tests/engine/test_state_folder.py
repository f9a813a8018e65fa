"""The state folder: what is written, who waits for whom, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from drplan.engine import store
from drplan.engine.errors import EngineRunning, StateDamaged, StateUnavailable
from drplan.engine.store import EngineLock, StateFolder
from drplan.engine.watch import FileWatch, RecordsWatch
from support.local import unprivileged


def test_a_change_counts_the_resource_version_up(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    store.update(path, lambda thing: {**thing, "a": 1})
    store.update(path, lambda thing: {**thing, "b": 2})
    assert store.read(path) == {"a": 1, "b": 2, "metadata": {"resourceVersion": "2"}}


def test_no_change_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    store.update(path, lambda thing: {**thing, "a": 1})
    before = path.stat()
    store.update(path, lambda thing: {**thing, "a": 1})
    store.update(path, lambda _: None)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_what_does_not_exist_reads_as_nothing(tmp_path: Path) -> None:
    assert store.read(tmp_path / "thing.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"text"'])
def test_a_file_that_is_no_object_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing.json"
    path.write_bytes(content)
    with pytest.raises(StateDamaged, match=r"thing\.json: is no JSON object"):
        store.read(path)


def test_processes_that_count_up_together_lose_nothing(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, pathlib
        from drplan.engine import store
        path = pathlib.Path(sys.argv[1])
        for _ in range(50):
            store.update(path, lambda thing: {**thing, "count": thing.get("count", 0) + 1})
            assert store.read(path)["count"] > 0
        """
    )
    path = tmp_path / "thing.json"
    workers = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert json.loads(path.read_text()) == {"count": 150, "metadata": {"resourceVersion": "150"}}


def test_a_process_killed_while_writing_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    store.update(path, lambda thing: {**thing, "a": 1})
    program = textwrap.dedent(
        """
        import os, pathlib, signal, sys
        from drplan.engine import store
        os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        store.update(pathlib.Path(sys.argv[1]), lambda thing: {**thing, "a": 2})
        """
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == -9
    after = store.update(path, lambda thing: {**thing, "b": 3})
    assert after == {"a": 1, "b": 3, "metadata": {"resourceVersion": "2"}}


def test_a_folder_that_cannot_be_written_is_named(unwritable: Path) -> None:
    with (
        unprivileged(),
        pytest.raises(StateUnavailable, match="Permission denied; the state folder must be readable and writable"),
    ):
        store.update(unwritable / "thing.json", lambda thing: {**thing, "a": 1})


def test_folders_that_were_never_completed_are_swept_away(tmp_path: Path) -> None:
    for name in (".aside-1-dead", ".aside-2-alive", "whole"):
        (tmp_path / name).mkdir()
    held = EngineLock.take(tmp_path / ".aside-2-alive", "alive")
    store.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".aside-2-alive", "whole"]
    held.release()


def test_a_state_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateUnavailable, match="state"):
        store.update(tmp_path / "state" / "thing.json", lambda thing: {**thing, "a": 1})
    with pytest.raises(StateUnavailable, match="Not a directory"):
        StateFolder(tmp_path / "state", "dr").list_executions()


def test_only_one_engine_gets_the_lock(tmp_path: Path) -> None:
    held = EngineLock.take(tmp_path, "pay-1")
    with pytest.raises(EngineRunning, match="execution pay-1 is being run by another process"):
        EngineLock.take(tmp_path, "pay-1")
    held.release()
    EngineLock.take(tmp_path, "pay-1").release()


def test_the_lock_of_a_killed_engine_is_free(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, pathlib, signal, sys
        from drplan.engine.store import EngineLock
        held = EngineLock.take(pathlib.Path(sys.argv[1]), "pay-1")
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == -9
    EngineLock.take(tmp_path, "pay-1").release()


def test_the_lock_of_a_killed_engine_is_waited_for_while_a_child_still_holds_it(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, pathlib, signal, sys, time
        from drplan.engine.store import EngineLock
        held = EngineLock.take(pathlib.Path(sys.argv[1]), "pay-1")
        if os.fork() == 0:
            time.sleep(0.5)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == -9
    EngineLock.take(tmp_path, "pay-1").release()


def test_what_is_not_complete_yet_is_not_listed(tmp_path: Path) -> None:
    state = StateFolder(tmp_path, "dr")
    assert state.list_executions() == []
    for name in ("pay-2", "pay-1", ".aside-123-pay-3"):
        (state.executions / name).mkdir(parents=True)
    assert [folder.name for folder in state.list_executions()] == ["pay-1", "pay-2"]


def record(key: str, phase: str) -> dict:
    return {"metadata": {"name": key}, "spec": {"key": key}, "state": {"phase": phase}}


def test_every_write_of_a_record_is_seen(tmp_path: Path) -> None:
    watch = RecordsWatch(tmp_path)
    assert not watch.look()
    for number in range(50):
        store.write(tmp_path / f"r{number % 5}.json", record(f"s1.w1.a{number % 5}", f"phase {number}"))
        assert watch.look()
        assert watch.records[f"s1.w1.a{number % 5}"]["state"]["phase"] == f"phase {number}"
    assert not watch.look()
    assert len(watch.records) == 5


def test_a_file_that_is_written_aside_is_no_record(tmp_path: Path) -> None:
    watch = RecordsWatch(tmp_path)
    (tmp_path / "r1.json.123.tmp").write_text("{")
    assert not watch.look()
    assert watch.records == {}


def test_a_changed_object_is_seen_once(tmp_path: Path) -> None:
    path = tmp_path / "execution.json"
    watch = FileWatch(path)
    assert watch.changed() is None
    store.write(path, {"a": 1})
    assert watch.changed() == {"a": 1}
    assert watch.changed() is None
    store.write(path, {"a": 2})
    assert watch.changed() == {"a": 2}
