"""The condition of an action, `when`: parsed, evaluated and explained.

    condition  = conjunction { "||" conjunction }
    conjunction = term { "&&" term }
    term       = "!" term | "(" condition ")" | subject ( "==" | "!=" ) value
    subject    = "mode" | "operation" | "params." name
    value      = quoted string | bare word

`operation` is the older name of `mode`; both compare without case and only with the four modes. Text that does not
parse is refused wherever it stands, also behind a clause that already matched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from compiler.model.names import PARAMETER_NAME
from compiler.model.phases import Mode

MODES = frozenset(mode.lower() for mode in Mode)
_SUBJECTS_OF_MODE = ("mode", "operation")
_TOKEN = re.compile(r"""\s*(?:(\|\||&&|==|!=|!|\(|\))|"([^"]*)"|'([^']*)'|([^\s"'()!=&|]+))""")
_HELP = 'write for example mode == "install" || params.region != "eu"'


@dataclass(frozen=True, slots=True)
class Comparison:
    """`subject == value`, or `!=` when `negated`; the subject is `mode` or `params.<name>`."""

    subject: str
    value: str
    negated: bool

    @property
    def of_mode(self) -> bool:
        """Whether it looks at the mode."""
        return self.subject == "mode"


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    term: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Conjunction."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Disjunction."""

    terms: tuple[Condition, ...]


Condition = Comparison | Not | All | Either


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0

    def take(self, *operators: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at][0] in operators:
            self.at += 1
            return self.tokens[self.at - 1][0]
        return None

    def fail(self) -> ValueError:
        found = f'unexpected "{self.tokens[self.at][1]}"' if self.at < len(self.tokens) else "it ends too early"
        return ValueError(f'invalid when expression "{self.text}": {found}; {_HELP}')

    def word(self) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != "word":
            raise self.fail()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def either(self, depth: int) -> Condition:
        terms = [self.both(depth)]
        while self.take("||"):
            terms.append(self.both(depth))
        return terms[0] if len(terms) == 1 else Either(tuple(terms))

    def both(self, depth: int) -> Condition:
        terms = [self.term(depth)]
        while self.take("&&"):
            terms.append(self.term(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def term(self, depth: int) -> Condition:
        if depth > 50:
            raise ValueError("invalid when expression: nested deeper than 50 levels")
        if self.take("!"):
            return Not(self.term(depth + 1))
        if self.take("("):
            inner = self.either(depth + 1)
            if not self.take(")"):
                raise self.fail()
            return inner
        return self.comparison()

    def comparison(self) -> Comparison:
        if self.at < len(self.tokens) and self.tokens[self.at][2]:
            raise self.fail()
        subject = self.word()
        known = subject in _SUBJECTS_OF_MODE or (subject.startswith("params.") and PARAMETER_NAME.match(subject[7:]))
        if not known:
            self.at -= 1
            raise self.fail()
        operator = self.take("==", "!=")
        if operator is None:
            raise self.fail()
        value = self.word()
        if subject in _SUBJECTS_OF_MODE:
            subject, value = "mode", value.strip().lower()
            if value not in MODES:
                raise ValueError(f'unsupported mode value "{value}" in when; use one of {", ".join(sorted(MODES))}')
        return Comparison(subject, value, operator == "!=")


def _tokens(text: str) -> list[tuple[str, str, bool]]:
    tokens: list[tuple[str, str, bool]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None:
            raise ValueError(f'invalid when expression "{text}": unexpected "{text[at:].strip()[:20]}"; {_HELP}')
        operator, double, single, bare = match.groups()
        if operator is not None:
            tokens.append((operator, operator, False))
        elif bare is not None:
            tokens.append(("word", bare, False))
        else:
            tokens.append(("word", double if double is not None else single, True))
        at = match.end()
    return tokens


@lru_cache(maxsize=1024)
def parse(text: str) -> Condition:
    """Parse a condition.

    Raises:
        ValueError: the text is no condition; the message quotes it and shows the form.
    """
    parser = _Parser(text)
    condition = parser.either(0)
    if parser.at != len(parser.tokens):
        raise parser.fail()
    return condition


def comparisons(condition: Condition) -> list[Comparison]:
    """All comparisons in a condition, left to right."""
    match condition:
        case Comparison():
            return [condition]
        case Not():
            return comparisons(condition.term)
        case _:
            return [found for term in condition.terms for found in comparisons(term)]


def needs_mode(condition: Condition) -> bool:
    """Whether a condition can only be decided when the execution has a mode."""
    return any(comparison.of_mode for comparison in comparisons(condition))


def evaluate(condition: Condition, *, mode: str, params: Mapping[str, str]) -> bool:
    """Decide a condition; a parameter without a value is equal to nothing.

    Args:
        condition: the condition.
        mode: lower-case mode.
        params: values by parameter name.
    """
    match condition:
        case Comparison():
            actual = mode if condition.of_mode else params.get(condition.subject[len("params.") :])
            return (actual == condition.value) is not condition.negated
        case Not():
            return not evaluate(condition.term, mode=mode, params=params)
        case All():
            return all(evaluate(term, mode=mode, params=params) for term in condition.terms)
        case Either():
            return any(evaluate(term, mode=mode, params=params) for term in condition.terms)


def explain(condition: Condition, *, text: str, mode: str) -> str:
    """Say why a condition did not match."""
    terms = condition.terms if isinstance(condition, Either) else (condition,)
    expected = [term.value for term in terms if isinstance(term, Comparison) and term.of_mode and not term.negated]
    if len(expected) == len(terms):
        return f"when not matched: mode={mode}, expected one of [{','.join(expected)}]"
    return f"when not matched: {text}"
