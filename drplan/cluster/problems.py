"""What an API server answers, as errors of the commands: what is wrong, with which object, what to do next. Pure."""

from __future__ import annotations

from compiler.model.names import API_VERSION
from drplan.errors import DrplanError, InputProblem, OutOfReach
from syncer.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Unauthorized,
    Unreachable,
)

_DENIED = ("denied the request", "denied request")
"""In what is said by admission webhooks and by admission policies."""


def problem_of(error: KubeError, subject: str) -> DrplanError:
    """Make the error of a command.

    Args:
        error: what happened.
        subject: what was asked for, `Kind namespace/name`.
    """
    message = error.message if isinstance(error, ApiError) else str(error)
    if any(words in message for words in _DENIED):
        return InputProblem(f"{subject}: {message}")
    match error:
        case NotFound():
            return _missing(error, subject)
        case AlreadyExists():
            return InputProblem(f"{subject} exists already; choose another --name")
        case Conflict():
            return InputProblem(f"{subject} has been changed, or made anew, meanwhile: look at it, then try again")
        case Invalid():
            return InputProblem(f"{subject}: {message}")
        case Forbidden():
            return OutOfReach(f"{subject}: {message}; ask for the rights, or choose another --context")
        case Unauthorized():
            return OutOfReach(
                f"{subject}: the API server does not accept these credentials; renew them, or choose another --context"
            )
        case Unreachable():
            return OutOfReach(f"{subject}: cannot reach the API server: {message}")
    return OutOfReach(f"{subject}: {error}")


def _missing(error: ApiError, subject: str) -> DrplanError:
    if "namespaces" in error.message:
        return InputProblem(f"{subject}: {error.message}; is --namespace another one?")
    if error.reason:
        return InputProblem(f"there is no {subject}; is --namespace or --context another one?")
    # What is answered for a path that is not served has no reason.
    return OutOfReach(
        f"{subject}: this cluster does not serve {API_VERSION}; install drplan in it, or choose another --context"
    )
