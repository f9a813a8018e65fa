"""Builds the programs of `versions` from their Go modules, once: each tool has a folder in the cache, named by content.

What is not there is built aside and moved into place, so a folder that exists is whole. Every run of the same tool
waits for the one that builds it. From nothing all tools take about 10 minutes on two cores, with Go's own caches warm
1 minute.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bed.places import cache_folder
from bed.problems import BedProblem
from bed.versions import ARGO_MODULE, TOOL_OF_PROGRAM, TOOLS, TOOLS_FOLDER, Tool

RECIPE = 1
"""To be raised when the way of building changes, so that what was built the old way is not used."""

Report = Callable[[str], None]


def folder(tool: Tool) -> Path:
    """Where the tool lies once it is built; its name changes with anything that the tool is built from."""
    digest = hashlib.sha256(json.dumps([RECIPE, asdict(tool)], sort_keys=True).encode())
    for source in sorted((TOOLS_FOLDER / tool.name).iterdir()):
        digest.update(f"{source.name}:{source.stat().st_size}:".encode())
        digest.update(source.read_bytes())
    return cache_folder() / f"{tool.name}-{tool.version}-{digest.hexdigest()[:12]}"


def missing() -> list[Tool]:
    """The tools that have yet to be built."""
    return [tool for tool in TOOLS if not folder(tool).is_dir()]


def program(name: str) -> Path:
    """The path of a program that was built.

    Raises:
        BedProblem: it was not.
    """
    path = folder(TOOL_OF_PROGRAM[name]) / "bin" / name
    if not path.exists():
        raise BedProblem(f"{name} is not built: run `make bed-build`")
    return path


def search_path() -> str:
    """The folders of all programs, as PATH wants them."""
    return os.pathsep.join(str(folder(tool) / "bin") for tool in TOOLS)


def argo_crds() -> Path:
    """The folder of Argo's CustomResourceDefinitions with full schemas, a file each."""
    return program("argo").parent.parent / "crds"


def build(report: Report) -> None:
    """Build what is missing.

    Args:
        report: gets a line about each tool.

    Raises:
        BedProblem: Go is missing, or it failed.
    """
    if not missing():
        return
    if shutil.which("go") is None:
        raise BedProblem("go is not on PATH: the bed's programs are built with Go 1.26 or newer")
    with _locked(cache_folder() / ".build.lock"):
        for tool in missing():
            report(f"building {tool.name} {tool.version}: {', '.join(tool.programs)}")
            began = time.monotonic()
            _build_tool(tool)
            report(f"built {tool.name} in {time.monotonic() - began:.0f} s")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_tool(tool: Tool) -> None:
    final = folder(tool)
    aside = final.with_name(f".{final.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    source = aside / "source"
    shutil.copytree(TOOLS_FOLDER / tool.name, source)
    if tool.module == ARGO_MODULE:
        _complete_argo(source, crds=aside / "crds")
    stamps = " ".join(f"-X {variable}={tool.version}" for variable in tool.stamps)
    for name, package in tool.programs.items():
        output = aside / "bin" / name
        _go(source, "build", "-trimpath", "-buildvcs=false", f"-ldflags=-s -w {stamps}", "-o", str(output), package)
    shutil.rmtree(source)
    aside.rename(final)


def _complete_argo(source: Path, *, crds: Path) -> None:
    """Build from a completed copy of Argo's module, and take its CustomResourceDefinitions along.

    A module's zip has no symbolic links, and the bundle of the user interface is no part of the repository. Files below
    the module cache cannot be overlaid, hence the copy.
    """
    _go(source, "mod", "download", ARGO_MODULE)
    original = Path(_go(source, "list", "-m", "-f", "{{.Dir}}", ARGO_MODULE).strip())
    module = source / "module"
    shutil.copytree(original, module)
    for path in (module, *module.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    (module / "workflow/executor/osspecific/signal_linux.go").symlink_to("signal_darwin.go")
    page = module / "ui/dist/app/index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<!doctype html>\n")
    _go(source, "mod", "edit", "-replace", f"{ARGO_MODULE}=./module")
    crds.mkdir()
    for definition in sorted((module / "manifests/base/crds/full").glob("argoproj.io_*.yaml")):
        shutil.copy(definition, crds)


def _go(source: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["go", *arguments],
        cwd=source,
        env={**os.environ, "CGO_ENABLED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BedProblem(f"`go {' '.join(arguments)}` failed for {source.parent.name}:\n{done.stderr.strip()}")
    return done.stdout
