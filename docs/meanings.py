"""What the words of the API mean, for the generated tables; keyed by the words themselves.

The code says which words there are, this module says what they mean to a reader. A word without a meaning, or a meaning
without a word, is an error of the generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from compiler.model import names
from compiler.model.phases import (
    ConditionReason,
    ConditionType,
    DependsOnPolicy,
    ExitCode,
    FenceState,
    HaltScope,
    Mode,
    ParameterSource,
    Phase,
    PlanPhase,
    Reason,
    RecordPhase,
    WorkflowPhase,
)
from drplan.errors import Exit

ENUMS: Mapping[type[Enum], Mapping[Enum, str]] = {
    Phase: {
        Phase.PENDING: "has not begun",
        Phase.RUNNING: "has begun and not ended",
        Phase.SUCCEEDED: "did what it should",
        Phase.FAILED: "did not do what it should, and it is known that it did not",
        Phase.SKIPPED: "never began: left out on purpose, or kept from running; the reason says which",
        Phase.CANCELLED: "began and was stopped from outside, or something that belongs to it did not run",
        Phase.UNKNOWN: "may or may not have happened: look at the target system before you go on",
    },
    RecordPhase: {
        RecordPhase.STARTED: "a runner has begun; from here on something may have happened",
        RecordPhase.SUCCEEDED: "done; whoever comes later replays this result",
        RecordPhase.FAILED: "ended without success; done again only by a later epoch or run",
        RecordPhase.SKIPPED: "its turn came and it was not allowed to begin",
        RecordPhase.CANCELLED: "stopped before anything was sent or written",
        RecordPhase.UNKNOWN: "stopped after something was sent or written; done again only when it is idempotent",
    },
    PlanPhase: {
        PlanPhase.READY: "may be executed; also after a revert that succeeded",
        PlanPhase.EXECUTED: "its newest operation was an Execute that succeeded; it may be executed again",
        PlanPhase.INVALID: "breaks a rule",
    },
    WorkflowPhase: {
        WorkflowPhase.READY: "may be used",
        WorkflowPhase.INVALID: "breaks a rule",
    },
    Mode: {
        Mode.INSTALL: "the value that `when` and `$(mode)` see is `install`",
        Mode.UPGRADE: "`upgrade`",
        Mode.DELETE: "`delete`; see [mode Delete](drworkflow.md#mode-delete)",
        Mode.ROLLBACK: "`rollback`; a Revert always has it",
    },
    DependsOnPolicy: {
        DependsOnPolicy.FINISHED: "any end of the dependency will do",
        DependsOnPolicy.SUCCEEDED: "only success will do; without it the dependant is Skipped, reason `UpstreamFailed`",
    },
    ParameterSource: {
        ParameterSource.WORKFLOW_DEFAULT: "`parameters` of the DRWorkflow",
        ParameterSource.PLAN: "`globalParams` of the DRPlan",
        ParameterSource.STAGE: "`params` of the workflow use",
        ParameterSource.EXECUTION: "`params` of the execution",
        ParameterSource.MANIFEST: "an object of the cluster",
        ParameterSource.SECRET: "a Secret; the value is not shown",
    },
    FenceState: {
        FenceState.OPEN: "actions may start",
        FenceState.PAUSED: "no action starts; those that have begun go on",
        FenceState.DRAINING: "cancelled: those that have begun finish, nothing else starts",
        FenceState.CLOSED: "the run is over: nobody acts any more",
    },
    HaltScope: {
        HaltScope.EXECUTION: "nothing more starts (cancel)",
        HaltScope.PLAN: "no stage that has not begun begins (plan policy Stop)",
        HaltScope.STAGE: "no action of the stage starts (stage policy FailFast)",
        HaltScope.WORKFLOW: "no action of the workflow use starts (workflow policy FailFast)",
    },
    Reason: {
        Reason.CONDITION_NOT_MET: "left out on purpose: its `when` did not hold, it is a rollback hook, or mode Delete "
        "does not use it",
        Reason.UPSTREAM_FAILED: "what it waits for did not succeed; the message names the first cause",
        Reason.HALTED: "a failure elsewhere stopped the stage or the plan; the message names it",
        Reason.NOT_BOUND: "started by an Argo Workflow that this execution does not run as: a copy, or an old epoch",
        Reason.CANCELLED_BY_USER: "the execution was cancelled",
        Reason.WORKFLOW_DELETED: "its Argo Workflow was deleted while it ran",
        Reason.NOTHING_TO_UNDO: "in a revert: it did not run, did nothing, is undone already, or has no `rollback`",
        Reason.NOT_UNDOABLE: "in a revert: it cannot be undone, because something that is needed was not recorded",
        Reason.NOTHING_DONE: "its runner ended before it did anything; it is safe to try again",
        Reason.SPEC_CHANGED: "it was begun with another content than the Workflow holds now; nothing was done",
        Reason.RECORDS_REQUIRED: "the workflow is longer than one lane and there are no records to look back at",
        Reason.TIMED_OUT: "its `timeout` was over",
        Reason.HTTP_STATUS: "the server answered with a status that does not mean success",
        Reason.HTTP_FAILED: "the call could not be made, or broke off",
        Reason.OUTPUT_TOO_LARGE: "an output that it needs was too large to keep (16 KiB in all for one action)",
        Reason.OUTPUT_MISSING: "an output that it needs does not exist",
        Reason.INVALID_SPEC: "the runner cannot do what it was given; the message says what is wrong",
        Reason.FORBIDDEN: "the API server refused access",
        Reason.CONFLICT: "an object is there already, or is not the one that it should be",
        Reason.NOT_FOUND: "an object that it needs does not exist",
        Reason.REFUSED: "the API server refuses the object; the message has its words",
        Reason.UNREACHABLE: "the API server did not answer, or not usefully, however often it was asked",
        Reason.KIND_UNKNOWN: "the API server does not know the kind of an object",
        Reason.NOT_READY: "what it made says that it will not become ready",
        Reason.JOB_FAILED: "its Job failed; the message says why, and how its last pod ended",
        Reason.PRE_IMAGE_TOO_LARGE: "what it would change is too large to keep for the way back; nothing was changed",
        Reason.OUTCOME_UNKNOWN: "it may have happened; nobody has seen the end",
        Reason.STOPPED: "its runner was stopped before anything was sent or written",
    },
    ExitCode: {
        ExitCode.SUCCEEDED: "Succeeded, or replayed a success that was recorded",
        ExitCode.FAILED: "Failed for good",
        ExitCode.TIMED_OUT: "its timeout was over",
        ExitCode.CONFIGURATION: "wrong or forbidden: the spec, a flag, a right that is missing",
        ExitCode.UNKNOWN: "outcome unknown",
        ExitCode.NOTHING_DONE: "nothing was done; the lane is tried again",
        ExitCode.NOT_RUN: "not run: halted, or something upstream did not succeed",
        ExitCode.STOPPED: "stopped from outside",
    },
    Exit: {
        Exit.OK: "all is well",
        Exit.INPUT: "the input is wrong; nothing was started",
        Exit.FAILED: "the execution Failed or is Unknown",
        Exit.CANCELLED: "the execution was Cancelled, or the command was interrupted",
        Exit.OUT_OF_REACH: "something that is needed cannot be reached",
    },
}
"""For each enum the meaning of every member."""

LABELS: Mapping[str, tuple[str, str]] = {
    names.LABEL_PLAN: ("Workflow, records, ConfigMaps, executions", "name of the plan"),
    names.LABEL_OPERATION: ("Workflow, records, ConfigMaps, executions", "`execute` or `revert`"),
    names.LABEL_EXECUTION: ("Workflow, records, ConfigMaps", "name of the execution"),
    names.LABEL_EXECUTION_UID: ("Workflow, records, ConfigMaps", "uid of the execution"),
    names.LABEL_EPOCH: ("Workflow, records, ConfigMaps", "epoch of the execution; of a record: that acted last"),
    names.LABEL_STAGE: ("records", "key of the stage, `s1`"),
    names.LABEL_WORKFLOW: ("records", "key of the workflow use, `s1.w2`"),
    names.LABEL_ACTION: ("records", "name of the action"),
    names.LABEL_KEY: ("records", "key of the action, `s1.w2.a3`"),
    names.LABEL_TYPE: ("records", "type of the action"),
    names.LABEL_RESULT: ("records", "phase of the record"),
    names.LABEL_ADOPT: ("Workflow", "`true`: compiled without an execution"),
    names.LABEL_FINAL: ("Workflow, record", "`true`: the end of the run is recorded"),
    names.LABEL_PLAN_REF: ("executions", "name of the plan, as in older manifests"),
    names.LABEL_APP_NAME: ("everything", "`drplan`"),
    names.LABEL_APP_MANAGED_BY: ("everything", "`drplan-syncer`"),
    names.LABEL_APP_PART_OF: ("everything", "name of the plan"),
}
"""For each label the objects that have it, and its value."""

ANNOTATIONS: Mapping[str, tuple[str, str]] = {
    names.ANNOTATION_CANCEL: ("execution", "`true`: what runs finishes, nothing else starts; `force`: end it now"),
    names.ANNOTATION_PAUSE: ("execution", "`true`: start no further action; removed: go on"),
    names.ANNOTATION_RETRY: ("execution", "any new value: run again what did not succeed, as `drplan retry` does"),
    names.ANNOTATION_RETRIED: ("execution", "value of `retry` that was acted on last, or refused with an event"),
    names.ANNOTATION_FENCE: ("execution", "the [fence](how-it-works.md#record-and-fence), JSON; never edit it"),
    names.ANNOTATION_STARTED_UID: ("execution", "uid under which it was started"),
    names.ANNOTATION_REQUESTED_BY: ("execution", "user who created it"),
    names.ANNOTATION_ALLOW_RERUN: ("execution", "`true`: a restored copy may run"),
    names.ANNOTATION_REASON: ("execution", "free text; nothing reads it in this version"),
    names.ANNOTATION_COMPILED_HASH: ("Workflow", "SHA-256 of the compiled Workflow"),
    names.ANNOTATION_SNAPSHOT_HASH: ("Workflow", "SHA-256 of the snapshot that it was compiled from"),
    names.ANNOTATION_COMPILER_VERSION: ("Workflow", "version of the compiler"),
    names.ANNOTATION_SHARED_WITH: ("DRWorkflow", "namespaces whose plans may use it, or `*`; else `validate` warns"),
    names.ANNOTATION_TITLE: ("Workflow", "title in the Argo UI"),
    names.ANNOTATION_DESCRIPTION: ("Workflow", "description in the Argo UI, Markdown"),
    names.ANNOTATION_RUN: ("pod of a lane", "which run it belongs to, JSON"),
    names.ANNOTATION_WORKFLOW: ("pod of a lane", "name and uid of its Workflow"),
}
"""For each annotation the objects that have it, and its value."""

CONDITIONS: Mapping[ConditionType, str] = {
    ConditionType.READY: "may be used or executed",
    ConditionType.EXECUTING: "an execution holds the plan",
    ConditionType.ACCEPTED: "the execution may run",
    ConditionType.RUNNING: "actions run",
    ConditionType.PAUSED: "no further action starts until it is resumed",
    ConditionType.RECONCILING: "something is still being done",
    ConditionType.COMPLETE: "it has ended, whatever it came to",
    ConditionType.SUCCEEDED: "it ended well",
    ConditionType.STALLED: "somebody has to look; absent when all is well",
    ConditionType.RECORDED: "the history of the plan has the end of it",
}
"""What each condition says when it is True."""

REASONS: Mapping[ConditionReason, str] = {
    ConditionReason.VALIDATION_SUCCEEDED: "no rule is broken",
    ConditionReason.VALIDATION_FAILED: "rules are broken; the message lists them",
    ConditionReason.WORKFLOW_NOT_FOUND: "a DRWorkflow that the plan uses does not exist",
    ConditionReason.WORKFLOW_NOT_READY: "a DRWorkflow that the plan uses is Invalid",
    ConditionReason.SUSPENDED: "`spec.suspend` of the plan is true",
    ConditionReason.EXECUTION_RUNNING: "an execution of the plan is not terminal",
    ConditionReason.IDLE: "no execution of the plan is running",
    ConditionReason.ACCEPTED: "it passed all checks",
    ConditionReason.PLAN_NOT_FOUND: "there is no such plan",
    ConditionReason.PLAN_NOT_READY: "the plan is Invalid",
    ConditionReason.PLAN_SUSPENDED: "the plan is suspended",
    ConditionReason.PLAN_BUSY: "another execution holds the plan",
    ConditionReason.INVALID_PARAMETERS: "a parameter is missing, unknown or of the wrong type",
    ConditionReason.TARGET_INVALID: "the execution in `revertExecutionRef` cannot be reverted; the message says why",
    ConditionReason.SERVICE_ACCOUNT_NOT_FOUND: "the service account of the plan does not exist",
    ConditionReason.NAME_REUSED: "an execution of this name has run before",
    ConditionReason.RESTORED_COPY: "the object was restored or applied again: it does not run a second time",
    ConditionReason.FOREIGN_RUN: "the older bcs-drplan-controller was running it",
    ConditionReason.PLAN_TOO_LARGE: "the compiled Workflow would not fit into Argo",
    ConditionReason.COMPILE_FAILED: "the plan could not be compiled",
    ConditionReason.RUNNING: "an Execute runs",
    ConditionReason.REVERTING: "a Revert runs",
    ConditionReason.WAITING_FOR_PLAN: "another execution holds the plan; waited for at most 60 s",
    ConditionReason.WAITING_FOR_LOCK: "the Argo Workflow waits for its mutex",
    ConditionReason.PAUSED: "paused",
    ConditionReason.FINISHED: "it has ended",
    ConditionReason.PAUSED_BY_USER: "annotation `pause` is set",
    ConditionReason.SUSPENDED_IN_ARGO: "the Argo Workflow was suspended by hand",
    ConditionReason.RESUMED: "it goes on",
    ConditionReason.PROGRESSING: "it is under way",
    ConditionReason.DRAINING: "cancelled: what runs finishes",
    ConditionReason.SUCCEEDED: "phase Succeeded",
    ConditionReason.FAILED: "phase Failed; of Stalled also Unknown",
    ConditionReason.CANCELLED: "phase Cancelled",
    ConditionReason.UNKNOWN: "phase Unknown",
    ConditionReason.IN_PROGRESS: "it has not ended",
    ConditionReason.ALL_STAGES_SUCCEEDED: "an Execute that ended well",
    ConditionReason.REVERTED: "a Revert that ended well",
    ConditionReason.NOTHING_TO_DO: "a Revert that found nothing to undo",
    ConditionReason.STAGE_FAILED: "a stage Failed; the message leads to the first action that did",
    ConditionReason.REVERT_INCOMPLETE: "a Revert could not undo something",
    ConditionReason.OUTCOME_UNKNOWN: "an action may or may not have happened",
    ConditionReason.WORKFLOW_LOST: "the Argo Workflow was deleted while it ran",
    ConditionReason.STOPPED_IN_ARGO: "the Argo Workflow was stopped by hand",
    ConditionReason.WORKFLOW_ERROR: "Argo says that the Workflow failed, for a reason of its own",
    ConditionReason.WORKFLOW_CONFLICT: "another Workflow has the name that is needed; delete it",
    ConditionReason.RUNNER_SILENT: "a runner has not renewed its hold on a record for 90 s",
    ConditionReason.NODES_UNREADABLE: "the status of the Argo Workflow cannot be read",
    ConditionReason.PODS_UNSCHEDULABLE: "a pod has not begun to run for a minute: no node, no quota, no image",
    ConditionReason.RECORDED: "the end is in the plan's history",
    ConditionReason.PLAN_GONE: "there is no plan any more whose history could have it",
}
"""What each reason of a condition means."""

_C, _R = ConditionType, ConditionReason

PLAN_CONDITIONS: Mapping[ConditionType, tuple[tuple[ConditionReason, ...], tuple[ConditionReason, ...]]] = {
    _C.READY: (
        (_R.VALIDATION_SUCCEEDED,),
        (_R.VALIDATION_FAILED, _R.WORKFLOW_NOT_FOUND, _R.WORKFLOW_NOT_READY, _R.SUSPENDED),
    ),
    _C.EXECUTING: ((_R.EXECUTION_RUNNING,), (_R.IDLE,)),
}
"""Reasons of the conditions of a DRPlan, when True and when False."""

WORKFLOW_CONDITIONS: Mapping[ConditionType, tuple[tuple[ConditionReason, ...], tuple[ConditionReason, ...]]] = {
    _C.READY: ((_R.VALIDATION_SUCCEEDED,), (_R.VALIDATION_FAILED,)),
}
"""Reasons of the conditions of a DRWorkflow, when True and when False."""

EXECUTION_CONDITIONS: Mapping[ConditionType, tuple[tuple[ConditionReason, ...], tuple[ConditionReason, ...]]] = {
    _C.ACCEPTED: (
        (_R.ACCEPTED,),
        (
            _R.PLAN_NOT_FOUND,
            _R.PLAN_NOT_READY,
            _R.PLAN_SUSPENDED,
            _R.PLAN_BUSY,
            _R.INVALID_PARAMETERS,
            _R.TARGET_INVALID,
            _R.SERVICE_ACCOUNT_NOT_FOUND,
            _R.NAME_REUSED,
            _R.RESTORED_COPY,
            _R.FOREIGN_RUN,
            _R.PLAN_TOO_LARGE,
            _R.COMPILE_FAILED,
        ),
    ),
    _C.RUNNING: ((_R.RUNNING, _R.REVERTING), (_R.WAITING_FOR_PLAN, _R.WAITING_FOR_LOCK, _R.PAUSED, _R.FINISHED)),
    _C.PAUSED: ((_R.PAUSED_BY_USER, _R.SUSPENDED_IN_ARGO), (_R.RESUMED,)),
    _C.RECONCILING: ((_R.PROGRESSING, _R.DRAINING), (_R.FINISHED,)),
    _C.COMPLETE: ((_R.SUCCEEDED, _R.FAILED, _R.CANCELLED, _R.UNKNOWN), (_R.IN_PROGRESS,)),
    _C.SUCCEEDED: (
        (_R.ALL_STAGES_SUCCEEDED, _R.REVERTED, _R.NOTHING_TO_DO),
        (
            _R.STAGE_FAILED,
            _R.CANCELLED,
            _R.REVERT_INCOMPLETE,
            _R.OUTCOME_UNKNOWN,
            _R.WORKFLOW_LOST,
            _R.STOPPED_IN_ARGO,
            _R.WORKFLOW_ERROR,
            _R.COMPILE_FAILED,
        ),
    ),
    _C.STALLED: (
        (_R.FAILED, _R.WORKFLOW_CONFLICT, _R.RUNNER_SILENT, _R.NODES_UNREADABLE, _R.PODS_UNSCHEDULABLE),
        (),
    ),
    _C.RECORDED: ((_R.RECORDED, _R.PLAN_GONE), ()),
}
"""Reasons of the conditions of a DRPlanExecution, when True and when False."""

IN_CLUSTER_ONLY = frozenset(
    {
        *PLAN_CONDITIONS[_C.READY][1],
        *PLAN_CONDITIONS[_C.EXECUTING][0],
        *PLAN_CONDITIONS[_C.EXECUTING][1],
        *EXECUTION_CONDITIONS[_C.ACCEPTED][1],
        _R.WAITING_FOR_PLAN,
        _R.WORKFLOW_CONFLICT,
        _R.RUNNER_SILENT,
        _R.PODS_UNSCHEDULABLE,
    }
)
"""Reasons that nothing gives in this version: they need the syncer."""
