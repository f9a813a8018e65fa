"""Names that the runner must make exactly as the compiler and the syncer do; a test compares them.

Keys are cut here and in `turn`; hashing is imported where it is needed, because a waiting runner never needs it.
"""

from __future__ import annotations

import re

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?\Z")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_ACTION_KEY = re.compile(r"s[1-9][0-9]*\.w[1-9][0-9]*\.[ah][1-9][0-9]*\Z")
_USE_KEY = re.compile(r"s[1-9][0-9]*\.w[1-9][0-9]*\Z")
_LOCAL_KEY = re.compile(r"[ah][1-9][0-9]*\Z")


def is_action_key(text: str) -> bool:
    """Whether a text is the key of an action or a hook: `s1.w2.a3`, `s1.w2.h1`."""
    return _ACTION_KEY.match(text) is not None


def is_use_key(text: str) -> bool:
    """Whether a text is the key of a workflow use: `s1.w2`."""
    return _USE_KEY.match(text) is not None


def is_local_key(text: str) -> bool:
    """Whether a text is the last segment of an action's key: `a3`."""
    return _LOCAL_KEY.match(text) is not None


def is_hook_key(key: str) -> bool:
    """Whether the key of an action is that of a hook."""
    return key.rsplit(".", 1)[-1].startswith("h")


def stage_of(key: str) -> str:
    """Key of the stage that a key lies in."""
    return key.split(".", 1)[0]


def workflow_of(key: str) -> str:
    """Key of the workflow use that an action's key lies in."""
    return ".".join(key.split(".", 2)[:2])


def within(key: str, local: str) -> str:
    """Key of another action of the same workflow use, by its last segment."""
    return f"{workflow_of(key)}.{local}"


def digest(text: str, length: int = 10) -> str:
    """Return the first `length` hexadecimal digits of the SHA-256 of a text."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:length]


def label_value(text: str) -> str:
    """Make a text a label value: itself when it is one, else its start and a digest (at most 63 characters)."""
    if len(text) <= 63 and _LABEL_VALUE.match(text):
        return text
    start = re.sub(r"[^-A-Za-z0-9_.]", "-", text[:52]).strip("-_.")
    return f"{start}-{digest(text)}" if start else digest(text)


def record_name(execution: str, uid: str, key: str) -> str:
    """Name of the record of an action (the Argo Workflow's name and uid in a break-glass run)."""
    return f"{execution[:40].rstrip('-.')}-{digest(f'{uid}/{key}')}"


def job_name(action: str, uid: str, key: str) -> str:
    """Name of the Job of an action, the same for every attempt of one run of a plan.

    Args:
        action: name of the action.
        uid: uid of the execution (of the Argo Workflow in a break-glass run).
        key: key of the action.
    """
    head = _NOT_IN_NAMES.sub("-", action.lower())[:40].strip("-") or "job"
    return f"{head}-{digest(f'{uid}/{key}')}"
