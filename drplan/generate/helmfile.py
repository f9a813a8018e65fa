"""A resolved helmfile → one release: its chart, values, options of Helm and hooks, and what cannot be carried over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from compiler.manifests import Problem
from compiler.problems import Severity
from drplan.errors import InputProblem
from drplan.generate.credentials import credentials, shown
from drplan.generate.state import Place


class Event(StrEnum):
    """Moments at which helmfile runs the hooks that a plan can carry, in their order."""

    PREAPPLY = "preapply"
    PRESYNC = "presync"
    POSTSYNC = "postsync"


@dataclass(frozen=True, slots=True)
class Command:
    """A command that a hook runs at one of its moments.

    Attributes:
        event: the moment.
        order: its number among all commands of the release, from 0.
        command: the program.
        args: its arguments.
    """

    event: Event
    order: int
    command: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a helmfile.

    Attributes:
        name: its name.
        namespace: its namespace.
        repo: address of the repository of its chart.
        chart: name of the chart in it.
        version: version of the chart; empty means the latest.
        values: what the helmfile sets.
        options: options of Helm, by their names in a HelmChart.
        commands: hooks.
        warnings: what is not carried over.
    """

    name: str
    namespace: str
    repo: str
    chart: str
    version: str
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    commands: tuple[Command, ...]
    warnings: tuple[Problem, ...]


_OPTIONS = {
    "createNamespace": ("createNamespace",),
    "wait": ("wait",),
    "waitForJobs": ("waitForJob",),
    "atomic": ("atomic", "upgradeAtomic"),
    "plainHttp": ("plainHTTP",),
    "timeout": ("timeoutSeconds",),
}
"""Fields of a HelmChart that an option of a release sets."""
_READ = frozenset({"name", "namespace", "chart", "version", "values", "hooks", *_OPTIONS})
_NO_MATTER = frozenset({"labels", "condition", "installed", "missingFileHandler", "chartPath"})
"""Keys that helmfile itself has used up."""
_CHANGING = frozenset(
    {"set", "setString", "jsonPatches", "strategicMergePatches", "transformers", "dependencies", "postRenderer"}
)
"""Keys without which something else would be deployed."""
_SCHEME = re.compile(r"(?:https?|oci)://")
_VERSION = re.compile(r"-v?\d+\.\d+\.\d+.*\Z")
_TEMPLATE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")


def read_release(
    documents: Sequence[Place], *, name: str | None, namespace: str, repo: str | None = None, plain_http: bool = False
) -> Release:
    """Choose a release and read it.

    Args:
        documents: what `helmfile build --embed-values` printed.
        name: the release, when there are several.
        namespace: its namespace, when it names none.
        repo: address of the repository of its chart, in place of the helmfile's.
        plain_http: whether that is called without TLS, whatever the helmfile says.

    Raises:
        InputProblem: not exactly one release is meant, or it cannot become a plan.
    """
    state, place = _chosen(documents, name)
    release = _Reader(state, place, place.text("namespace") or namespace).release(repo)
    return replace(release, options={**release.options, "plainHTTP": True}) if plain_http else release


def _chosen(documents: Sequence[Place], name: str | None) -> tuple[Place, Place]:
    listed = [(state, place) for state in documents for place in state.member("releases").items()]
    found = [(state, place) for state, place in listed if name in (None, place.text("name"))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(place.text("name") for _, place in listed)) or "none"
    wanted = f"called {name}" if name else "without --name"
    if not documents:
        raise InputProblem("the helmfile is empty; give what `helmfile build --embed-values` printed")
    message = f"expected exactly 1 release {wanted}, got {len(found)}; there are: {names}; choose one with --name"
    raise InputProblem(str(documents[0].problem(message)))


class _Reader:
    def __init__(self, state: Place, place: Place, namespace: str) -> None:
        self.state = state
        self.place = place
        self.name = place.text("name")
        self.namespace = namespace
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def release(self, repo: str | None) -> Release:
        if self.place.member("installed").value is False:
            self.wrong(self.place.member("installed"), "it is not to be installed (installed: false)")
        repository, chart = self.chart(repo)
        read = Release(
            self.name,
            self.namespace,
            repository,
            chart,
            self.place.text("version"),
            self.values(),
            self.options(),
            tuple(self.commands()),
            (),
        )
        self.note_rest()
        if self.errors:
            raise InputProblem(map(str, self.errors))
        return replace(read, warnings=tuple(self.warnings))

    def wrong(self, place: Place, message: str) -> None:
        self.errors.append(place.problem(f"release {self.name}: {message}"))

    def note(self, place: Place, message: str) -> None:
        self.warnings.append(place.problem(f"release {self.name}: {message}", Severity.WARNING))

    def chart(self, repo: str | None) -> tuple[str, str]:
        """Repository and name of the chart."""
        place, text = self.place.member("chart"), self.place.text("chart")
        head, _, last = text.rstrip("/").rpartition("/")
        name = last.removesuffix(".tgz")
        name = _VERSION.sub("", name) if last != name else name
        if not name:
            self.wrong(place, "it has no chart")
        if repo:
            return repo, name
        if _SCHEME.match(text):
            return head, name
        for known in self.state.member("repositories").items():
            if known.text("name") == head and head:
                address = known.text("url")
                oci = known.member("oci").value is True and not _SCHEME.match(address)
                return (f"oci://{address}" if oci else address), name
        self.wrong(place, f'chart "{text}" is in no repository of the helmfile: say with --chart-repo where it is')
        return "", name

    def values(self) -> dict[str, Any]:
        """Everything that the helmfile sets, later over earlier."""
        merged: dict[str, Any] = {}
        for place in self.place.member("values").items():
            if not isinstance(place.value, dict):
                self.wrong(place, f'values "{place.value}" are not embedded: run `helmfile build` with --embed-values')
                continue
            for path in credentials(place.value):
                message = f"{shown(path)} looks like a credential, and stands in the plan as plain text"
                self.note(place.at(path), message)
            merged = _merged(merged, place.value)
        return merged

    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"createNamespace": True}
        for key, fields in _OPTIONS.items():
            for place in (self.state.member("helmDefaults"), self.place):
                value = place.member(key).value
                if value is not None:
                    options |= dict.fromkeys(fields, value)
        if not options.get("timeoutSeconds"):
            options.pop("timeoutSeconds", None)
        return options

    def commands(self) -> Iterator[Command]:
        order = 0
        for place in self.place.member("hooks").items():
            title = place.text("name") or place.text("command")
            events = [item.value for item in place.member("events").items()]
            for event in (event for event in events if event not in frozenset(Event)):
                self.note(place, f'hook "{title}": event {event} is none that a plan has: left out')
            if place.member("showlogs").value:
                message = "showlogs is left out: `drplan logs` shows what ran"
                self.note(place.member("showlogs"), f'hook "{title}": {message}')
            known = [Event(event) for event in events if event in frozenset(Event)]
            if known and not place.text("command"):
                self.wrong(place, f'hook "{title}" has no command: a plan can run nothing else for it')
                continue
            for event in known:
                command, *args = [
                    self.filled(text, event) for text in (place.member("command"), *place.member("args").items())
                ]
                yield Command(event, order, command, tuple(args))
                order += 1

    def filled(self, place: Place, event: Event) -> str:
        """Fill in what helmfile would when it runs a hook, as far as that is known here."""
        known = {
            ".Release.Name": self.name,
            ".Release.Namespace": self.namespace,
            ".Namespace": self.namespace,
            ".Event.Name": event.value,
        }

        def fill(match: re.Match[str]) -> str:
            if match.group(1) not in known:
                message = f"{match.group()} is known only when helmfile runs the hook: write the value itself"
                self.wrong(place, message)
            return known.get(match.group(1), "")

        return _TEMPLATE.sub(fill, str(place.value))

    def note_rest(self) -> None:
        """Name what nothing here has read."""
        for place, read in ((self.place, _READ | _NO_MATTER), (self.state.member("helmDefaults"), _READ)):
            for key, value in (place.value or {}).items():
                if key == "secrets" and value:
                    message = "secrets are in no plan: give the values to the clusters yourself, for example with a"
                    self.note(place.member(key), f"{message} Localization that is not in git")
                elif key in _CHANGING and value:
                    message = f"{key} changes what is deployed, and a HelmChart has nothing like it"
                    self.wrong(place.member(key), f"{message}: put it into the values, or into the chart")
                elif key not in read and value:
                    self.note(place.member(key), f"{key} is left out: a HelmChart has nothing like it")


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge maps as Helm does: deeply, lists and everything else as a whole."""
    merged = dict(under)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
