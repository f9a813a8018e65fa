"""From a decided graph to an Argo Workflow or WorkflowTemplate, built with Hera.

    config       what a platform wants of the pods
    lanes        actions of a workflow use spread over pods         depends    policies as Argo's texts
    layout       what becomes which task and template               identity   whose Workflow it is
    node_ids     Argo's node ids and a name without collisions      spec_text  an action as safe JSON
    pods, named, generic, configmaps, dags, assemble                           the parts of the object
    weight, budget   the size of a run                              lint, fields   what must not leave here
    compile      all of it in order                                 emit       YAML and JSON

Importing this package is cheap: Hera, which is not, is imported when something is compiled.
"""

from __future__ import annotations

from compiler.argo.compile import Compiled, compile_template, compile_workflow
from compiler.argo.config import RunnerConfig
from compiler.argo.identity import ExecutionRef

__all__ = ["Compiled", "ExecutionRef", "RunnerConfig", "compile_template", "compile_workflow"]
