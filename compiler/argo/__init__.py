"""From a decided graph to an Argo Workflow or WorkflowTemplate, built with Hera.

    config            what a platform wants of the pods
    lanes             the actions of a workflow use spread over pods
    depends           failure policies as Argo's texts
    layout            what becomes which task and template
    identity          whose Workflow it is
    spec_text         an action as JSON that Argo and the kubelet leave alone
    arguments, pods, named, generic, configmaps, dags, assemble
                      the parts of the object, in one of two forms of lanes
    weight, budget    the size of a run
    node_ids          Argo's node ids, and a name under which none collide
    describe          title and description for the UI
    lint, fields      what must not leave here
    compile           all of it in order

Importing this package is cheap: Hera, which is not, is imported when something is compiled.
"""

from __future__ import annotations

from compiler.argo.compile import Compiled, compile_template, compile_workflow
from compiler.argo.config import RunnerConfig
from compiler.argo.identity import ExecutionRef

__all__ = ["Compiled", "ExecutionRef", "RunnerConfig", "compile_template", "compile_workflow"]
