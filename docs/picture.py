"""Draw an execution as it is seen on a terminal: `python -m docs.picture EXECUTION.json PICTURE.svg`."""

from __future__ import annotations

import io
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from drplan.view.live import report
from drplan.view.outline import read
from drplan.view.rich_tree import renderable
from drplan.view.symbols import UNICODE
from drplan.view.tree import Page

COLUMNS = 100
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw(source: Path, picture: Path) -> None:
    """Write the picture; it loads nothing from elsewhere."""
    execution = json.loads(source.read_text())
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(renderable(report(read(execution, now=datetime.now(UTC)), Page(COLUMNS, UNICODE))))
    name = execution["metadata"]["name"]
    picture.write_text(_FONT_FACE.sub("", console.export_svg(title=f"drplan get {name}", unique_id="run")))


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
