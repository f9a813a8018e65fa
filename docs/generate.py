"""Write the generated parts of the pages, in place: `python -m docs.generate [--check]`.

A generated part stands between two marks, and says what it is:

    <!-- generated: fields DRPlanSpec -->
    <!-- end -->

The same code gives the same bytes. Everything outside the marks is written by people.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from docs import options, words
from docs.fields import fields_table, models
from docs.markdown import headings

FOLDER = Path(__file__).parent
_PART = re.compile(r"<!-- generated: (\S+)(?: (\S+))? -->\n(?:.*?\n)??<!-- end -->", re.DOTALL)
_FIELDS = "fields"

NAMED: Mapping[str, Callable[[str], str]] = {
    "enum": words.enum_table,
    "conditions": words.condition_table,
    "reasons": words.reason_table,
    "rules": words.rule_table,
    "command": options.command_help,
}
"""Parts that are about something that has a name."""

NAMELESS: Mapping[str, Callable[[], str]] = {
    "labels": words.label_table,
    "annotations": words.annotation_table,
    "kinds": words.kind_table,
    "commands": options.command_list,
}
"""Parts of which there is only one."""


class PageError(Exception):
    """A page asks for something that cannot be generated."""


def pages(folder: Path = FOLDER) -> dict[str, str]:
    """Read all pages, by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}


def generated(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the pages with every generated part as it should be.

    Raises:
        PageError: a page asks for a part that is not known.
    """
    places = model_places(texts)
    return {page: _PART.sub(partial(_part, page, places), text) for page, text in texts.items()}


def _part(page: str, places: Mapping[str, str], match: re.Match[str]) -> str:
    kind, name = match.group(1), match.group(2) or ""
    try:
        if kind == _FIELDS:
            text = fields_table(models()[name], {model: at.removeprefix(page) for model, at in places.items()})
        else:
            text = NAMED[kind](name) if name else NAMELESS[kind]()
    except KeyError as problem:
        raise PageError(f"{page}: there is no part `{kind} {name}` ({problem} is not known)") from problem
    return f"<!-- generated: {f'{kind} {name}'.strip()} -->\n{text}\n<!-- end -->"


def model_places(texts: Mapping[str, str]) -> dict[str, str]:
    """Where the table of each model is: page and anchor of the heading above it, by the model's name."""
    places: dict[str, str] = {}
    for page, text in texts.items():
        above = list(headings(text))
        for match in _PART.finditer(text):
            if match.group(1) != _FIELDS:
                continue
            line = text.count("\n", 0, match.start()) + 1
            anchors = [name for number, _, name in above if number < line]
            places[match.group(2)] = f"{page}#{anchors[-1]}"
    return places


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 when the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Write the generated parts of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something would change")
    check = parser.parse_args(arguments).check
    before = pages()
    after = generated(before)
    changed = [page for page in before if before[page] != after[page]]
    for page in changed:
        if check:
            print(f"docs/{page}: generated parts are out of date; run `python -m docs.generate`", file=sys.stderr)
        else:
            (FOLDER / page).write_text(after[page], encoding="utf-8")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
