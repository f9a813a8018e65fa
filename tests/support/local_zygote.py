"""Forks engines for tests: reads requests from standard input, a JSON object a line, and answers with process ids."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import compiler.argo.assemble  # noqa: F401  # takes long, and every engine needs it
from compiler.graph.snapshot import Snapshot
from drplan.engine import store
from drplan.engine.api import Engine
from drplan.engine.errors import InputRefused


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            _serve(json.loads(line))
            os._exit(0)
        print(pid, flush=True)


def _serve(request: dict[str, Any]) -> None:
    answer: dict[str, Any]
    try:
        _die_after(request.get("dieAfter", 0))
        answer = {"execution": _run(request)}
    except InputRefused as refused:
        answer = {"refused": str(refused)}
    except BaseException:
        answer = {"error": traceback.format_exc()}
    aside = Path(request["answer"] + ".aside")
    aside.write_text(json.dumps(answer))
    aside.rename(request["answer"])


def _run(request: dict[str, Any]) -> dict[str, Any]:
    os.environ.update(request.get("environment", {}))
    engine = Engine(Path(request["state"]), request["namespace"])
    if request["command"] == "start":
        return engine.start(Snapshot.from_json(request["snapshot"]), name=request["name"])
    execution: dict[str, Any] = getattr(engine, request["command"])(request["name"])
    return execution


def _die_after(writes: int) -> None:
    """Kill this process behind its so many-th write to the state folder."""
    if not writes:
        return
    write = store.write
    left = writes

    def counted(path: Path, value: dict[str, Any]) -> None:
        nonlocal left
        write(path, value)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store.write = counted


if __name__ == "__main__":
    main()
