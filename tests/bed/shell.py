"""What a person or a script needs to work with a bed: the environment in which its tools just work."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bed import build
from bed.client import Bed

BED_VARIABLE = "DRPLAN_BED"
AUDIT_LOG_VARIABLE = "DRPLAN_BED_AUDIT_LOG"


def variables(bed: Bed) -> dict[str, str]:
    """What to set beside the environment that there is."""
    # The commands of the project lie beside its Python.
    folders = [build.search_path(), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return {
        "KUBECONFIG": str(bed.places.kubeconfig),
        # kubectl keeps what it knows about a server by its address, and the next bed may have the same.
        "KUBECACHEDIR": str(bed.places.run / "kubectl-cache"),
        "PATH": os.pathsep.join(folders),
        BED_VARIABLE: bed.places.name,
        AUDIT_LOG_VARIABLE: str(bed.places.audit_log),
    }


def exports(values: Mapping[str, str]) -> str:
    """Variables as a shell reads them."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def become(bed: Bed, arguments: Sequence[str]) -> None:
    """Turn this process into a command that runs in the bed's network; does not return."""
    command = bed.inside(arguments)
    os.execve(command[0], command, {**os.environ, **variables(bed)})
