"""What the Argo UI shows of a Workflow beside its nodes: title and description, from `templates/`.

The templates use `[[ ]]` and `[% %]`, because `{{ }}` belongs to Argo.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.argo.layout import Layout
from compiler.model.names import ANNOTATION_DESCRIPTION, ANNOTATION_TITLE

if TYPE_CHECKING:
    from jinja2 import Environment

_TITLE = "workflow-title.txt.j2"
_DESCRIPTION = "workflow-description.md.j2"


def title_and_description(layout: Layout) -> dict[str, str]:
    """Annotations of a Workflow with its title and its description."""
    return {ANNOTATION_TITLE: _render(_TITLE, layout), ANNOTATION_DESCRIPTION: _render(_DESCRIPTION, layout)}


def _render(template: str, layout: Layout) -> str:
    found = _environment().get_template(template)
    return found.render(
        graph=layout.graph,
        stages=len(layout.stages),
        uses=sum(1 for _ in layout.uses()),
        actions=sum(stage.live_actions for stage in layout.stages),
    ).strip()


@cache
def _environment() -> Environment:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([str(folder) for folder in _folders()]),
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,
    )
    environment.filters["inert"] = _inert
    return environment


def _folders() -> tuple[Path, ...]:
    """Where the templates lie: inside the installed package, or beside it in a working copy."""
    package = Path(str(files("compiler")))
    return (package / "templates", package.parent / "templates")


def _inert(text: str) -> str:
    """Text that Argo does not interpret: Markdown shows the entity as the brace that it stands for."""
    return text.replace("{{", "&#123;&#123;")
