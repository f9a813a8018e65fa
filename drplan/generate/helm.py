"""Words of Helm: the annotations that say what an object of a chart is, and the hooks that Helm knows.

Facts: https://helm.sh/docs/topics/charts_hooks/.
"""

from __future__ import annotations

from enum import StrEnum

from compiler.model.phases import Mode

ANNOTATION_HOOK = "helm.sh/hook"
ANNOTATION_WEIGHT = "helm.sh/hook-weight"
ANNOTATION_DELETE_POLICY = "helm.sh/hook-delete-policy"
ANNOTATION_LOG_POLICY = "helm.sh/hook-output-log-policy"
ANNOTATION_RESOURCE_POLICY = "helm.sh/resource-policy"
KEEP = "keep"
"""Resource policy of an object that stays when its release is uninstalled."""

TESTS = frozenset({"test", "test-success", "test-failure"})
"""Hooks that only `helm test` runs."""


class Hook(StrEnum):
    """Moments at which Helm runs hooks, in the order of a release's life."""

    PRE_INSTALL = "pre-install"
    PRE_UPGRADE = "pre-upgrade"
    POST_INSTALL = "post-install"
    POST_UPGRADE = "post-upgrade"
    PRE_DELETE = "pre-delete"
    POST_DELETE = "post-delete"
    PRE_ROLLBACK = "pre-rollback"
    POST_ROLLBACK = "post-rollback"

    @property
    def mode(self) -> Mode:
        """Mode of an execution in which the hook runs."""
        return Mode(self.rpartition("-")[2].capitalize())

    @property
    def before(self) -> bool:
        """Whether it runs before the objects of the release are touched."""
        return self.startswith("pre-")


class DeletePolicy(StrEnum):
    """When Helm deletes the object of a hook."""

    BEFORE_CREATION = "before-hook-creation"
    SUCCEEDED = "hook-succeeded"
    FAILED = "hook-failed"
