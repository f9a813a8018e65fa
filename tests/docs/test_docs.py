"""The pages keep what they promise: links lead somewhere, tables are fresh, examples are valid, commands run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from compiler.manifests import load
from compiler.model.names import API_VERSION
from compiler.problems import Severity
from compiler.rules import check
from docs import meanings
from docs.fields import fields_table, models
from docs.generate import FOLDER, PageError, generated, main, pages
from docs.markdown import Fence, anchor, fences, headings, links, table
from docs.options import command_list
from docs.words import enum_table
from drplan.cli import COMMANDS
from examples.demo.sites import pair

PAGES = pages()
ROOT = FOLDER.parent
LANGUAGES = {"yaml", "console", "mermaid", "text"}
PROMPT = "$ "
ANYTHING = "…"

Line = tuple[str, str]
"""A command as shown in a page, and the output that is shown below it."""


def with_fences(language: str) -> list[str]:
    return [page for page, text in PAGES.items() if any(fence.language == language for fence in fences(text))]


def named_files(page: str) -> Iterator[tuple[str, str]]:
    """The YAML examples of a page that say in their first line which file they are."""
    for fence in fences(PAGES[page]):
        if fence.language == "yaml":
            name = re.match(r"# ([\w-]+\.yaml)\n", fence.text)
            assert name, f"{page}:{fence.line}: the first line of an example is its file: `# name.yaml`"
            yield name.group(1), fence.text


def commands_shown(page: str) -> Iterator[Line]:
    """The commands of a page, in order."""
    for fence in fences(PAGES[page]):
        if fence.language == "console":
            yield from commands_of(fence)


def commands_of(fence: Fence) -> Iterator[Line]:
    _, *shown = re.split(rf"^{re.escape(PROMPT)}", fence.text.replace("\\\n", " "), flags=re.MULTILINE)
    for each in shown:
        command, _, output = each.partition("\n")
        yield command, output


def matches(expected: str, actual: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in expected.strip().split(ANYTHING))
    return re.fullmatch(pattern, actual.strip(), re.DOTALL) is not None


@pytest.fixture
def sites() -> Iterator[dict[str, str]]:
    """The two sites that the pages call SITE_A and SITE_B."""
    first, second = pair()
    first.start()
    second.start()
    yield {"SITE_A": first.url, "SITE_B": second.url}
    first.stop()
    second.stop()


@pytest.fixture
def shell(tmp_path: Path, sites: Mapping[str, str]) -> dict[str, str]:
    """Environment of a shell in which `drplan` is this one, in a folder that has the examples."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    program = tmp_path / "bin" / "drplan"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m drplan "$@"\n')
    program.chmod(0o755)
    return {**os.environ, **sites, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def test_generated_parts_are_what_the_code_says_now():
    outdated = [page for page, text in generated(PAGES).items() if text != PAGES[page]]
    assert outdated == [], "run `python -m docs.generate`"


def test_generating_twice_changes_nothing():
    once = generated(PAGES)
    assert generated(once) == once


def test_the_check_passes_and_leaves_the_pages_alone():
    assert main(["--check"]) == 0
    assert pages() == PAGES


def test_a_part_that_nothing_generates_is_an_error_that_names_the_page():
    with pytest.raises(PageError, match=r"odd\.md: there is no part `enum Colour`"):
        generated({"odd.md": "<!-- generated: enum Colour -->\n<!-- end -->\n"})


def test_an_empty_part_is_filled_and_the_text_around_it_is_kept():
    page = "before\n<!-- generated: enum WorkflowPhase -->\n<!-- end -->\nafter\n"
    written = generated({"page.md": page})["page.md"]
    assert written.startswith("before\n<!-- generated: enum WorkflowPhase -->\n| Value |")
    assert written.endswith(" |\n<!-- end -->\nafter\n")


def test_empty_parts_one_after_the_other_are_filled_each_and_the_text_between_them_is_kept():
    part = "<!-- generated: enum WorkflowPhase -->\n<!-- end -->\n"
    written = generated({"page.md": f"{part}between\n{part}"})["page.md"]
    assert written.count("| `Ready` |") == 2
    assert "<!-- end -->\nbetween\n<!-- generated:" in written


def test_a_type_with_a_table_on_another_page_is_a_link_to_the_heading_above_that_table():
    two = {
        "a.md": "## Spec\n<!-- generated: fields DRPlanSpec -->\n<!-- end -->\n",
        "b.md": "## All stages\n<!-- generated: fields Stage -->\n<!-- end -->\n",
    }
    assert "list of [Stage](b.md#all-stages)" in generated(two)["a.md"]


def test_a_field_that_must_be_given_is_marked_and_a_default_is_shown():
    rows = fields_table(models()["HttpAction"], {}).splitlines()
    assert any(row.startswith("| `url` | string | required |") for row in rows)
    assert any(row.startswith("| `method` |") and "| `GET` |" in row for row in rows)


def test_a_bar_in_a_cell_does_not_end_the_cell():
    assert table(("a",), [("x || y",)]).splitlines()[-1] == r"| x \|\| y |"


@pytest.mark.parametrize("name", [kind.__name__ for kind in meanings.ENUMS])
def test_every_value_of_an_enum_has_a_row(name: str):
    kind = next(kind for kind in meanings.ENUMS if kind.__name__ == name)
    assert enum_table(name).count("\n") == len(kind) + 1


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_pages_and_headings_that_exist(page: str):
    broken = []
    for line, target in links(PAGES[page]):
        if "://" in target:
            continue
        name, _, fragment = target.partition("#")
        known = {found for _, _, found in headings(PAGES.get(name or page, ""))}
        if (name or page) not in PAGES or (fragment and fragment not in known):
            broken.append(f"{page}:{line}: {target}")
    assert broken == []


def test_the_index_leads_to_every_page():
    reachable = {target.partition("#")[0] for _, target in links(PAGES["index.md"])}
    assert set(PAGES) - reachable == {"index.md"}


def test_every_command_has_a_section_and_every_section_a_command():
    sections = {text for _, text, _ in headings(PAGES["commands.md"])}
    assert sections - {"Commands", "Exit codes"} == set(COMMANDS)
    assert all(f"(#{anchor(name)})" in command_list() for name in COMMANDS)


@pytest.mark.parametrize("page", PAGES)
def test_fences_are_of_a_language_that_is_tested_and_only_a_console_shows_commands(page: str):
    for fence in fences(PAGES[page]):
        assert fence.language in LANGUAGES, f"{page}:{fence.line}"
        if fence.language != "console":
            command = re.search(r"^(\$ |drplan |kubectl |argo )", fence.text, re.MULTILINE)
            assert command is None, f"{page}:{fence.line}: looks like a command"
        else:
            assert fence.text.startswith(PROMPT), f"{page}:{fence.line}: begins with no command"


@pytest.mark.parametrize("page", PAGES)
def test_lines_that_people_write_are_not_too_long(page: str):
    written = [line for line in PAGES[page].splitlines() if not line.startswith("|")]
    assert [line for line in written if len(line) > 120 and not is_generated_text(page, line)] == []


def is_generated_text(page: str, line: str) -> bool:
    parts = re.findall(r"<!-- generated: .*?<!-- end -->", PAGES[page], re.DOTALL)
    return any(line in part for part in parts)


@pytest.mark.parametrize("page", with_fences("yaml"))
def test_examples_of_a_page_are_valid(page: str, tmp_path: Path):
    files = dict(named_files(page))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    manifests = load([str(tmp_path / name) for name in files])
    assert manifests.documents
    assert {document.value["apiVersion"] for document in manifests.documents} == {API_VERSION}
    for name in files:
        problems = check(load([str(tmp_path / name)]))
        assert [str(problem) for problem in problems if problem.severity is Severity.ERROR] == []


@pytest.mark.long
@pytest.mark.parametrize("page", with_fences("console"))
def test_commands_of_a_page_run_and_print_what_it_shows(page: str, tmp_path: Path, shell: dict[str, str]):
    for name, text in named_files(page):
        (tmp_path / name).write_text(text)
    for command, expected in commands_shown(page):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=shell,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{page}: $ {command}\n{done.stdout}"
        assert matches(expected, done.stdout), f"{page}: $ {command}\n{done.stdout}\n--- but it shows\n{expected}"
