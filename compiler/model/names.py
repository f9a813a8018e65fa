"""Names of things: API group, labels, annotations, finalizer, and how the names of generated objects are made.

Everything that two rooms must call the same is here, as a constant or a pure function. Lengths follow the limits of
Kubernetes (63 for a label value and for a Workflow, 253 for an object) and of Argo (32-bit node ids).
"""

from __future__ import annotations

import re

GROUP = "dr.bkbcs.tencent.com"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
PREFIX = f"{GROUP}/"

KIND_PLAN = "DRPlan"
KIND_WORKFLOW = "DRWorkflow"
KIND_EXECUTION = "DRPlanExecution"
KIND_RECORD = "DRActionRecord"

ARGO_API_VERSION = "argoproj.io/v1alpha1"
KIND_ARGO_WORKFLOW = "Workflow"
KIND_ARGO_TEMPLATE = "WorkflowTemplate"

FINALIZER_EXECUTION = PREFIX + "execution-finalizer"

LABEL_PLAN = PREFIX + "plan"
LABEL_OPERATION = PREFIX + "operation"
LABEL_EXECUTION = PREFIX + "execution"
LABEL_EXECUTION_UID = PREFIX + "execution-uid"
LABEL_EPOCH = PREFIX + "epoch"
LABEL_STAGE = PREFIX + "stage"
LABEL_WORKFLOW = PREFIX + "workflow"
LABEL_ACTION = PREFIX + "action"
LABEL_KEY = PREFIX + "key"
LABEL_TYPE = PREFIX + "type"
LABEL_RESULT = PREFIX + "result"
LABEL_ADOPT = PREFIX + "adopt"
LABEL_FINAL = PREFIX + "final"
LABEL_PLAN_REF = "planRef"

ANNOTATION_CANCEL = PREFIX + "cancel"
ANNOTATION_PAUSE = PREFIX + "pause"
ANNOTATION_RETRY = PREFIX + "retry"
ANNOTATION_RETRIED = PREFIX + "retried"
ANNOTATION_FENCE = PREFIX + "fence"
ANNOTATION_STARTED_UID = PREFIX + "started-uid"
ANNOTATION_REQUESTED_BY = PREFIX + "requested-by"
ANNOTATION_ALLOW_RERUN = PREFIX + "allow-rerun"
ANNOTATION_REASON = PREFIX + "reason"
ANNOTATION_COMPILED_HASH = PREFIX + "compiled-hash"
ANNOTATION_SNAPSHOT_HASH = PREFIX + "snapshot-hash"
ANNOTATION_COMPILER_VERSION = PREFIX + "compiler-version"
ANNOTATION_SHARED_WITH = PREFIX + "shared-with"
ANNOTATION_TITLE = "workflows.argoproj.io/title"
ANNOTATION_DESCRIPTION = "workflows.argoproj.io/description"
ANNOTATION_RUN = PREFIX + "run"
ANNOTATION_WORKFLOW = PREFIX + "workflow"

LABEL_APP_NAME = "app.kubernetes.io/name"
LABEL_APP_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_APP_PART_OF = "app.kubernetes.io/part-of"
APP_NAME = "drplan"
APP_MANAGED_BY = "drplan-syncer"
FIELD_MANAGER = "drplan"

ANNOTATION_TRUE = "true"
CANCEL_GRACEFUL = "true"
CANCEL_FORCE = "force"

RUNNER_SERVICE_ACCOUNT = "drplan-runner"
RUNNER_SECRETS_ROLE = "drplan-runner-secrets"
RUNNER_CONFIG_MAP = "drplan-runner-config"
RUNNER_COMMAND = "drplan-runner"

PARAMETER_RUN = "run"
PARAMETER_PREFIX = "p"
OUTPUT_RESULT = "result"
CONTAINER_CLOSE = "main"
ENTRYPOINT = "plan"
MUTEX_PREFIX = "drplan-"
SECRET_ENV_PREFIX = "DRPLAN_SECRET_"

LANE_MOUNT = "/lane"
ABOUT_MOUNT = "/run/drplan"
SPEC_MOUNT = "/spec"
LANE_LENGTH = 16
"""Most actions that share one pod."""

PARAMETER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?\Z")
_SLUG_DROP = re.compile(r"[^a-z0-9]+")


def digest(text: str, length: int = 10) -> str:
    """Return the first `length` hexadecimal digits of the SHA-256 of a text."""
    import hashlib  # takes milliseconds, and most commands name nothing

    return hashlib.sha256(text.encode()).hexdigest()[:length]


def label_value(text: str) -> str:
    """Make a text a label value: itself when it is one, else its start and a digest (at most 63 characters)."""
    if len(text) <= 63 and _LABEL_VALUE.match(text):
        return text
    start = re.sub(r"[^-A-Za-z0-9_.]", "-", text[:52]).strip("-_.")
    return f"{start}-{digest(text)}" if start else digest(text)


def slug(text: str) -> str:
    """Make a name readable inside a node name: `[a-z0-9-]{1,30}`, never empty."""
    return _SLUG_DROP.sub("-", text.lower()).strip("-")[:30].strip("-") or "x"


def workflow_name(plan: str, *, revert: bool, identity: str, epoch: int, suffix: str = "") -> str:
    """Name the Argo Workflow of an epoch of an execution (at most 57 characters: `argo resubmit` appends 6).

    Args:
        plan: name of the plan.
        revert: whether it is a revert.
        identity: `digest(uid)` of the execution, or of the graph when there is none.
        epoch: 1 for the first run, one more for every retry.
        suffix: a letter, when node ids of the plain name collide.
    """
    head = plan.replace(".", "-")[:38].strip("-")
    return f"{head}-{'r' if revert else 'x'}-{identity[:8]}-e{epoch}{suffix}"


def template_name(plan: str, mode: str = "") -> str:
    """Name the WorkflowTemplate of a plan, for one mode when it has any (at most 57: `argo submit` appends 6)."""
    name = f"{plan}-{mode}" if mode else plan
    return name if len(name) <= 57 else f"{name[:46].rstrip('-.')}-{digest(name)}"


def stage_key(index: int) -> str:
    """Key of the stage at a 1-based position of the snapshot."""
    return f"s{index}"


def workflow_key(stage: str, index: int) -> str:
    """Key of the workflow use at a 1-based position of its stage."""
    return f"{stage}.w{index}"


def action_key(workflow: str, index: int, *, hook: bool = False) -> str:
    """Key of the action at a 1-based position of its workflow; a rollback hook in a revert has an `h`."""
    return f"{workflow}.{'h' if hook else 'a'}{index}"


def stage_of(key: str) -> str:
    """Key of the stage that a key lies in."""
    return key.split(".", 1)[0]


def workflow_of(key: str) -> str:
    """Key of the workflow use that an action's key lies in."""
    return ".".join(key.split(".", 2)[:2])


def local_key(key: str) -> str:
    """Last segment of a key: `a3` of `s1.w2.a3`."""
    return key.rsplit(".", 1)[-1]


def task_name(key: str, name: str) -> str:
    """Name of the DAG task or container of a key: `s-1-db`, `w-2-mysql`, `a-3-promote`, `h-1-check`."""
    last = local_key(key)
    return f"{last[0]}-{last[1:]}-{slug(name)}"


_TASK = re.compile(r"([swahl])-(\d+)(?:-|\Z)")


def position_of_task(task: str) -> tuple[str, int] | None:
    """Read letter and position back from a task or container name; None when it has no position (`main`)."""
    match = _TASK.match(task)
    return (match.group(1), int(match.group(2))) if match else None


def record_name(execution: str, uid: str, key: str) -> str:
    """Name of the DRActionRecord of an action (the Argo Workflow's name and uid in a break-glass run)."""
    return f"{execution[:40].rstrip('-.')}-{digest(f'{uid}/{key}')}"


def snapshot_name(uid: str, part: int) -> str:
    """Name of a ConfigMap that holds a part of an execution's snapshot (1-based)."""
    return f"drx-{digest(uid)}-snap-{part}"


def spec_name(identity: str, workflow: str) -> str:
    """Name of the ConfigMap that holds the action specs of a workflow use; `identity` as in `workflow_name`."""
    return f"drx-{identity}-{workflow}"
