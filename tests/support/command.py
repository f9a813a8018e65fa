"""Calling `drplan` in tests: in this process, where that is enough, or as a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from drplan.cli import run
from support.local import QUICK

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Called:
    """What a call came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """Standard output as YAML documents."""
        return list(yaml.safe_load_all(self.out))


def drplan(*arguments: str | Path) -> Called:
    """Call it in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Called(int(code), out.getvalue(), err.getvalue())


def start(*arguments: str | Path, **variables: str) -> subprocess.Popen[str]:
    """Start it as a process that can be interrupted, even where these tests themselves run in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "drplan", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **QUICK, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def process(*arguments: str | Path, **variables: str) -> Called:
    """Call it as a process and wait for its end."""
    with start(*arguments, **variables) as started:
        out, err = started.communicate(timeout=120)
        return Called(started.returncode, out, err)


def manifests(folder: Path, *objects: dict[str, Any]) -> Path:
    """Write manifests into a folder, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, written in enumerate(objects):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(written))
    return folder
