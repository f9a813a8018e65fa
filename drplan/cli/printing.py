"""Printing where the reader may be gone: a pipe that was closed, a full disk, a terminal that hung up."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from drplan.errors import OutOfReach
from drplan.view.lenient import silence


class NobodyReads(Exception):
    """Whoever read the output went away, as `head` does; there is nothing to say about it, and nobody to say it to."""


def say(text: str) -> None:
    """Tell something on standard error, if anybody is there."""
    try:
        click.echo(text, err=True)
    except (OSError, ValueError):
        silence(sys.stderr)


@contextmanager
def tolerant() -> Iterator[None]:
    """Print something that is no reason to fail when nobody can read it."""
    try:
        yield
    except (OSError, ValueError):
        silence(sys.stdout)


@contextmanager
def essential() -> Iterator[None]:
    """Run a command that is of no use without its output.

    Raises:
        NobodyReads: its reader went away.
        OutOfReach: the output cannot be written.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as problem:
        silence(sys.stdout)
        if problem.errno == errno.EPIPE:
            raise NobodyReads from None
        place = os.fsdecode(problem.filename) if problem.filename is not None else "cannot write the output"
        raise OutOfReach(f"{place}: {problem.strerror or problem}") from None
