"""What a Job and its pods say about themselves: whether it has ended, how far it is, why it failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from runner.kube.objects import being_deleted, owner_references
from runner.kube.readiness import Failed, Readiness, Ready, Waiting
from runner.result import clip

_COMPLETE, _FAILED, _TRUE = "Complete", "Failed", "True"
_WORDS_SHOWN = 240


class _End(NamedTuple):
    """How a container, or a pod without its containers' doing, ended."""

    at: str
    text: str


def judge(job: Mapping[str, Any]) -> Readiness:
    """Whether a Job has ended, and how."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    true = {condition["type"]: condition for condition in conditions if condition.get("status") == _TRUE}
    if _COMPLETE in true:
        return Ready()
    if _FAILED in true:
        said = [_line(true[_FAILED].get(field)) for field in ("reason", "message")]
        return Failed(": ".join(filter(None, said)) or "it does not say why")
    return Waiting(_present(job))


def completions(job: Mapping[str, Any]) -> tuple[int, int]:
    """How many pods of a Job have succeeded, of how many that have to."""
    wanted = (job.get("spec") or {}).get("completions") or 1
    return min(int((job.get("status") or {}).get("succeeded") or 0), wanted), wanted


def last_words(pods: Iterable[Mapping[str, Any]], uid: str) -> str:
    """Say how the pod of a Job that failed last did so; empty when none tells.

    Args:
        pods: pods, perhaps of others as well.
        uid: uid of the Job.
    """
    own = [pod for pod in pods if any(owner.get("uid") == uid for owner in owner_references(pod))]
    ends = [end for pod in own for end in _ends(pod)]
    return max(ends).text if ends else ""


def _present(job: Mapping[str, Any]) -> str:
    """Say what a Job is at that has not ended."""
    if being_deleted(job):
        return "it is being deleted"
    if (job.get("spec") or {}).get("suspend"):
        return "it is suspended, until somebody resumes it"
    status = job.get("status") or {}
    done, wanted = completions(job)
    parts = [f"{done} of {wanted} completed", f"{status.get('active') or 0} active"]
    if status.get("failed"):
        parts.append(f"{status['failed']} failed")
    return ", ".join(parts)


def _ends(pod: Mapping[str, Any]) -> Iterator[_End]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        ended = state.get("terminated") or {}
        if ended.get("exitCode"):
            reason = f" ({ended['reason']})" if ended.get("reason") not in (None, "Error") else ""
            said = _line(ended.get("message"))
            text = f"pod {name}: container {container['name']} exited with code {ended['exitCode']}{reason}"
            yield _End(str(ended.get("finishedAt") or ""), f"{text}: {said}" if said else text)
        elif (waiting := state.get("waiting") or {}).get("message"):
            told = f"{waiting.get('reason') or 'waiting'}: {_line(waiting['message'])}"
            yield _End("", f"pod {name}: container {container['name']} did not start: {told}")
    if status.get("reason"):
        told = ": ".join(filter(None, (_line(status["reason"]), _line(status.get("message")))))
        yield _End("", f"pod {name}: {told}")


def _line(text: object) -> str:
    return clip(" ".join(str(text or "").split()), _WORDS_SHOWN)
