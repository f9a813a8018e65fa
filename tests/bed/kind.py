"""kind's commands over the bed, for `tests/tools/kind`: as many as pytest-kind and the tests use.

A cluster is a bed of the same name with everything in it. What kind takes from Docker comes from archives here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bed import images, lifecycle
from bed.build import program
from bed.certificates import ADMIN
from bed.client import Bed
from bed.places import Places
from bed.problems import BedProblem
from bed.state import Tier, load, names

OWNER_VARIABLE = "DRPLAN_BED_OWNER"
"""The process that new clusters end with, should nobody delete them."""
ARCHIVES_VARIABLE = "DRPLAN_BED_IMAGES"
CHECKOUT = Path(__file__).parents[2]
DEFAULT_CLUSTER = "kind"


def main(arguments: Sequence[str]) -> int:
    """Do what a command line for kind says.

    Returns:
        kind's exit code: 0 for done, 1 for anything else.
    """
    given = _parser().parse_args(arguments)
    try:
        given.act(given)
    except BedProblem as problem:
        print(f"ERROR: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kind", description="kind's commands, over the bed")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str) -> Callable[..., argparse.ArgumentParser]:
        objects = verbs.add_parser(name).add_subparsers(required=True, metavar="OBJECT")

        def of(kind: str, act: Callable[[argparse.Namespace], None], *, named: bool = True) -> argparse.ArgumentParser:
            added = objects.add_parser(kind)
            added.set_defaults(act=act)
            if named:
                added.add_argument("-n", "--name", default=os.environ.get("KIND_CLUSTER_NAME", DEFAULT_CLUSTER))
            return added

        return of

    get, create, delete, bring = verb("get"), verb("create"), verb("delete"), verb("load")
    get("clusters", _get_clusters, named=False)
    get("kubeconfig", _get_kubeconfig)
    cluster = create("cluster", _create_cluster)
    cluster.add_argument("--kubeconfig", type=Path, default=None)
    cluster.add_argument("--image", default="")
    cluster.add_argument("--config", default="")
    cluster.add_argument("--wait", default="")
    delete("cluster", _delete_cluster).add_argument("--kubeconfig", type=Path, default=None)
    bring("image-archive", _load_archives).add_argument("archive", nargs="+", type=Path)
    bring("docker-image", _load_images).add_argument("image", nargs="+")
    return parser


def _get_clusters(given: argparse.Namespace) -> None:
    clusters = [name for name in names() if _up(name)]
    if clusters:
        print("\n".join(clusters))
    else:
        print("No kind clusters found.", file=sys.stderr)


def _get_kubeconfig(given: argparse.Namespace) -> None:
    print(_kubeconfig(Bed.find(given.name)), end="")


def _create_cluster(given: argparse.Namespace) -> None:
    for option in ("image", "config"):
        if getattr(given, option):
            raise BedProblem(f"--{option} says what a node is, and the bed's is always the same: leave it out")
    if _up(given.name):
        raise BedProblem(f'node(s) already exist for a cluster with the name "{given.name}"')
    owner = os.environ.get(OWNER_VARIABLE, "")
    bed = lifecycle.up(given.name, Tier.FULL, owner=int(owner) if owner else None, report=_report)
    target = _target(given.kubeconfig)
    target.parent.mkdir(parents=True, exist_ok=True)
    merged = _merge(_kubeconfig(bed), target)
    target.touch(0o600)
    target.write_text(merged)
    print(f'Set kubectl context to "{_context(given.name)}"', file=sys.stderr)


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _delete_cluster(given: argparse.Namespace) -> None:
    print(f'Deleting cluster "{given.name}" ...', file=sys.stderr)
    target = _target(given.kubeconfig)
    if target.exists() and _context(given.name) in target.read_text():
        _forget(_context(given.name), target)
    lifecycle.down(given.name)


def _load_archives(given: argparse.Namespace) -> None:
    bed = Bed.find(given.name)
    for archive in given.archive:
        images.load(bed.places, archive)


def _load_images(given: argparse.Namespace) -> None:
    bed = Bed.find(given.name)
    for image in given.image:
        archive = _archive_of(image)
        if archive is not None:
            images.load(bed.places, archive)
        else:
            _load_from_docker(bed, image)


def _load_from_docker(bed: Bed, image: str) -> None:
    docker = shutil.which("docker")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        saved = (
            docker is not None
            and not subprocess.run(
                [docker, "save", "--output", str(archive), image], capture_output=True, check=False
            ).returncode
        )
        if not saved:
            folders = ", ".join(map(str, _archive_folders()))
            raise BedProblem(f'image: "{image}" is in no archive in {folders} ({ARCHIVES_VARIABLE}), nor has Docker it')
        images.load(bed.places, archive)


def _up(name: str) -> bool:
    state = load(Places.of(name))
    return state is not None and state.tier is Tier.FULL and state.alive()


def _context(name: str) -> str:
    return f"kind-{name}"


def _kubeconfig(bed: Bed) -> str:
    return bed.authority.kubeconfig(ADMIN, bed.state.port, context=_context(bed.places.name))


def _target(given: Path | None) -> Path:
    """The file that kind writes to: what the command line says, else the first of KUBECONFIG, else the usual one."""
    listed = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return given or (Path(listed) if listed else Path.home() / ".kube/config")


def _merge(addition: str, target: Path) -> str:
    """What a file of credentials becomes when others are added and made the current ones."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as added:
        added.write(addition)
        added.flush()
        # What is named first wins.
        files = [added.name, *([str(target)] if target.exists() else [])]
        return _kubectl(["config", "view", "--raw", "--flatten"], os.pathsep.join(files))


def _forget(context: str, target: Path) -> None:
    for command in ("delete-context", "delete-cluster", "delete-user"):
        _kubectl(["config", command, context], str(target))
    _kubectl(["config", "unset", "current-context"], str(target))


def _kubectl(arguments: Sequence[str], kubeconfig: str) -> str:
    done = subprocess.run(
        [program("kubectl"), *arguments],
        env={**os.environ, "KUBECONFIG": kubeconfig},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BedProblem(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _archive_folders() -> list[Path]:
    listed = os.environ.get(ARCHIVES_VARIABLE, "")
    return [Path(folder) for folder in listed.split(os.pathsep)] if listed else [CHECKOUT / "dist"]


def _archive_of(image: str) -> Path | None:
    for folder in _archive_folders():
        for archive in sorted(folder.glob("*.tar")):
            if image in images.names_in(archive):
                return archive
    return None
