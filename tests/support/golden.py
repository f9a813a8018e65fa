"""Golden files: expected output beside its input, rewritten when `DRPLAN_REGENERATE=1` is set."""

from __future__ import annotations

import os
from pathlib import Path

REGENERATE = "DRPLAN_REGENERATE"
GOLDEN = Path(__file__).parents[1] / "golden"


def assert_golden(path: Path, text: str) -> None:
    """Compare a text with a golden file, or rewrite the file."""
    if os.environ.get(REGENERATE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == expected, f"{path.name} differs; if the new output is right, run again with {REGENERATE}=1"
