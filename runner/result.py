"""The result of an action as it stands in its lane: one JSON file, read by the other actions and by the closing one.

Also how results are made to fit: the lane's result travels through the status of the Argo Workflow, where room is
scarce, so what can be had elsewhere (records) goes first: values, outputs, clusters, then messages, last everything
but the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from runner import vocabulary as words
from runner.vocabulary import ExitCode, Reason, RecordPhase

_HARMLESS = (Reason.CONDITION_NOT_MET, Reason.NOTHING_TO_UNDO)
_CONFIGURATION = (Reason.SPEC_CHANGED, Reason.RECORDS_REQUIRED, Reason.INVALID_SPEC, Reason.FORBIDDEN)
_SHORT_MESSAGE = 100


class Result(NamedTuple):
    """How an action ended.

    Attributes:
        key: key of the action.
        phase: a terminal phase.
        reason: why, empty when it Succeeded.
        message: one line for people.
        start: when it began, empty when it never did.
        completion: when it ended.
        retry_count: how often its call was repeated.
        record: name of its record, empty when there is none.
        replayed: whether the record told it and nothing was done.
        outputs: outputs for the status.
        values: what later actions can ask for.
        clusters: what it came to in each cluster.
    """

    key: str
    phase: RecordPhase
    reason: str = ""
    message: str = ""
    start: str = ""
    completion: str = ""
    retry_count: int = 0
    record: str = ""
    replayed: bool = False
    outputs: Mapping[str, Any] = {}
    values: Mapping[str, Any] = {}
    clusters: Sequence[Mapping[str, Any]] = ()

    @property
    def good(self) -> bool:
        """Whether it counts as Succeeded for what comes after it."""
        if self.phase is RecordPhase.SKIPPED:
            return self.reason in _HARMLESS
        return self.phase is RecordPhase.SUCCEEDED

    def to_json(self) -> dict[str, Any]:
        """Return the object of the lane file; its message is cut."""
        value = {
            "v": words.FORMAT_VERSION,
            "key": self.key,
            "phase": self.phase.value,
            "reason": self.reason,
            "message": clip(self.message, words.MESSAGE_IN_LANE),
            "startTime": self.start,
            "completionTime": self.completion,
            "retryCount": self.retry_count,
            "record": self.record,
            "replayed": self.replayed,
            "outputs": dict(self.outputs),
            "values": dict(self.values),
        }
        return {**value, "clusters": [dict(cluster) for cluster in self.clusters]} if self.clusters else value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Result:
        """Read the object of a lane file.

        Raises:
            ValueError: it is none.
        """
        try:
            return cls(
                key=str(value["key"]),
                phase=RecordPhase(value["phase"]),
                reason=str(value.get("reason") or ""),
                message=str(value.get("message") or ""),
                start=str(value.get("startTime") or ""),
                completion=str(value.get("completionTime") or ""),
                retry_count=int(value.get("retryCount") or 0),
                record=str(value.get("record") or ""),
                replayed=bool(value.get("replayed")),
                outputs=value.get("outputs") or {},
                values=value.get("values") or {},
                clusters=value.get("clusters") or (),
            )
        except KeyError as error:
            raise ValueError(f"a result without {error}") from error


def exit_code(phase: RecordPhase, reason: str) -> ExitCode:
    """Tell the exit code of an ended action from its phase and reason, where it was not recorded."""
    if phase is RecordPhase.SUCCEEDED:
        return ExitCode.SUCCEEDED
    if phase is RecordPhase.UNKNOWN:
        return ExitCode.UNKNOWN
    if phase is not RecordPhase.FAILED:
        return ExitCode.NOT_RUN
    if reason == Reason.TIMED_OUT:
        return ExitCode.TIMED_OUT
    return ExitCode.CONFIGURATION if reason in _CONFIGURATION else ExitCode.FAILED


def clip(text: str, limit: int) -> str:
    """Cut a text to a number of bytes of UTF-8, with an ellipsis when something is missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    return data[: max(0, limit - 3)].decode(errors="ignore") + "…" if limit >= 3 else ""


def compact(value: object) -> str:
    """Write JSON without spaces; safe for every encoding because it is ASCII."""
    return json.dumps(value, separators=(",", ":"))


def lane_result(results: Sequence[Result], limit: int) -> str:
    """Merge the results of a lane into one text of at most `limit` bytes, if that can be done at all.

    Every action keeps key, phase and reason whatever the limit.
    """
    actions = [result.to_json() for result in results]
    for members, cut in _cuts(actions):
        for action in members:
            text = _merged(actions)
            if len(text) <= limit:
                return text
            cut(action)
    return _merged(actions)


def _merged(actions: list[dict[str, Any]]) -> str:
    return compact({"v": words.FORMAT_VERSION, "actions": actions})


def _cuts(actions: list[dict[str, Any]]) -> Iterable[tuple[list[dict[str, Any]], Callable[[dict[str, Any]], object]]]:
    """Steps in which results shrink: which of them in which order, and how."""
    largest_first = sorted(actions, key=lambda action: -len(compact(action)))
    yield largest_first, lambda action: action.pop("values", None)
    yield largest_first, lambda action: action.pop("outputs", None)
    yield largest_first, lambda action: action.pop("clusters", None)
    # The message of what went wrong is what a reader of the Workflow needs most, so it goes last.
    for succeeded in (True, False):
        members = [action for action in largest_first if (action["phase"] == RecordPhase.SUCCEEDED) is succeeded]
        yield members, lambda action: action.update(message=clip(action["message"], _SHORT_MESSAGE))
        yield members, _only_the_end
    yield [{}], dict.clear


def _only_the_end(action: dict[str, Any]) -> None:
    for field in set(action) - {"key", "phase", "reason"}:
        del action[field]
