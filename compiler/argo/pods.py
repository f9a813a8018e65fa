"""The pod of a lane as Hera models: its containers, its volumes, its result and when it is tried again.

The same in both forms; what differs (names, where the specs come from) is given by `named` and `generic`.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hera.workflows import models

from compiler.argo.config import RunnerConfig
from compiler.graph.tree import SecretRef
from compiler.model.names import (
    ABOUT_MOUNT,
    ANNOTATION_RUN,
    ANNOTATION_WORKFLOW,
    CONTAINER_CLOSE,
    LANE_MOUNT,
    OUTPUT_RESULT,
    PARAMETER_RUN,
    RUNNER_COMMAND,
    SPEC_MOUNT,
)
from compiler.model.phases import ExitCode

USER_ID = 65532
LANE_VOLUME = "lane"
ABOUT_VOLUME = "about"
SPEC_VOLUME = "spec"
LANE_VOLUME_SIZE = "32Mi"
RETRIES = 2
KILLED = 128 + signal.SIGKILL
"""Exit code of a container that was killed, for want of memory say; what its lane has done is in the records."""
NO_RESULT = "{}"

RETRY_EXPRESSION = " || ".join(
    [
        "lastRetry.status == 'Error'",
        f"lastRetry.exitCode == '{int(ExitCode.STOPPED)}'",
        f"lastRetry.exitCode == '{int(ExitCode.NOTHING_DONE)}'",
        f"lastRetry.exitCode == '{KILLED}'",
    ]
)
"""A lane is tried again when its pod was lost, stopped, or ended with work that nobody began."""


@dataclass(slots=True)
class Containers:
    """Makes the containers of lanes; what all of them share is made once."""

    config: RunnerConfig
    _security: models.SecurityContext = field(init=False)
    _action_resources: models.ResourceRequirements = field(init=False)
    _close_resources: models.ResourceRequirements = field(init=False)
    _environment: list[models.EnvVar] = field(init=False)

    def __post_init__(self) -> None:
        config = self.config
        self._security = models.SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=models.Capabilities(drop=["ALL"]),
        )
        self._action_resources = _resources(config.requests, config.limits)
        self._close_resources = _resources(config.close_requests, config.limits)
        self._environment = [models.EnvVar(name=name, value=value) for name, value in config.environment.items()]

    def action(self, name: str, args: Sequence[str], *, secrets: Sequence[SecretRef] = ()) -> models.ContainerNode:
        """The container of an action."""
        return self._container(name, args, self._action_resources, [*self._environment, *map(_secret, secrets)])

    def close(self, args: Sequence[str]) -> models.ContainerNode:
        """The container that closes a lane and hands over its result."""
        return self._container(CONTAINER_CLOSE, args, self._close_resources, self._environment)

    def _container(
        self,
        name: str,
        args: Sequence[str],
        resources: models.ResourceRequirements,
        environment: list[models.EnvVar],
    ) -> models.ContainerNode:
        return models.ContainerNode(
            name=name,
            image=self.config.image,
            image_pull_policy=self.config.image_pull_policy,
            command=[RUNNER_COMMAND],
            args=list(args),
            env=environment or None,
            resources=resources,
            security_context=self._security,
        )


def lane_template(
    name: str,
    containers: Sequence[models.ContainerNode],
    *,
    inputs: models.Inputs | None = None,
    spec_map: str = "",
) -> models.Template:
    """The template of a lane.

    Args:
        name: its name.
        containers: those of its actions, in order.
        inputs: its inputs.
        spec_map: name of the ConfigMap that its specs come from; empty when they are inline.
    """
    mounts = [_mount(LANE_VOLUME, LANE_MOUNT), _mount(ABOUT_VOLUME, ABOUT_MOUNT)]
    volumes = None
    if spec_map:
        mounts.append(_mount(SPEC_VOLUME, SPEC_MOUNT))
        volumes = [models.Volume(name=SPEC_VOLUME, config_map=models.ConfigMapVolumeSource(name=spec_map))]
    # The kubelet starts them one after the other: the first action must not wait until all others are there.
    *actions, close = containers
    return models.Template(
        name=name,
        inputs=inputs,
        metadata=models.Metadata(
            annotations={
                ANNOTATION_RUN: f"{{{{workflow.parameters.{PARAMETER_RUN}}}}}",
                ANNOTATION_WORKFLOW: "{{workflow.name}}/{{workflow.uid}}",
            }
        ),
        retry_strategy=models.RetryStrategy(limit=RETRIES, retry_policy="Always", expression=RETRY_EXPRESSION),
        volumes=volumes,
        container_set=models.ContainerSetTemplate(volume_mounts=mounts, containers=[close, *actions]),
        outputs=models.Outputs(
            parameters=[
                models.Parameter(
                    name=OUTPUT_RESULT,
                    value_from=models.ValueFrom(path=f"{LANE_MOUNT}/{OUTPUT_RESULT}.json", default=NO_RESULT),
                )
            ]
        ),
    )


def volumes() -> list[models.Volume]:
    """The volumes that every lane mounts."""
    return [
        models.Volume(
            name=LANE_VOLUME,
            empty_dir=models.EmptyDirVolumeSource(medium="Memory", size_limit=LANE_VOLUME_SIZE),
        ),
        models.Volume(
            name=ABOUT_VOLUME,
            downward_api=models.DownwardAPIVolumeSource(
                items=[_about("run", ANNOTATION_RUN), _about("workflow", ANNOTATION_WORKFLOW)]
            ),
        ),
    ]


def pod_security() -> models.PodSecurityContext:
    """Security of every pod: the restricted profile; the group lets all containers of a lane write its volume."""
    return models.PodSecurityContext(
        run_as_non_root=True,
        run_as_user=USER_ID,
        run_as_group=USER_ID,
        fs_group=USER_ID,
        seccomp_profile=models.SeccompProfile(type="RuntimeDefault"),
    )


def _resources(requests: Mapping[str, str], limits: Mapping[str, str]) -> models.ResourceRequirements:
    return models.ResourceRequirements(requests=dict(requests) or None, limits=dict(limits) or None)


def _secret(secret: SecretRef) -> models.EnvVar:
    source = models.EnvVarSource(secret_key_ref=models.SecretKeySelector(name=secret.name, key=secret.key))
    return models.EnvVar(name=secret.variable, value_from=source)


def _mount(name: str, path: str) -> models.VolumeMount:
    return models.VolumeMount(name=name, mount_path=path)


def _about(path: str, annotation: str) -> models.DownwardAPIVolumeFile:
    field_ref = models.ObjectFieldSelector(field_path=f"metadata.annotations['{annotation}']")
    return models.DownwardAPIVolumeFile(path=path, field_ref=field_ref)
