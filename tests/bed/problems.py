"""What goes wrong for the person who asked: messages to print without a traceback."""

from __future__ import annotations


class BedProblem(Exception):
    """The bed cannot do what was asked; the text says what is wrong and what to do next."""


class CannotRun(BedProblem):
    """This machine cannot run a bed at all; the text says what it lacks and names the other way."""
