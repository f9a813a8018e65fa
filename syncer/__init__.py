"""From Argo to DRPlanExecution: what a run means (`fold`) and what has to happen next (`decide`).

Both are pure: no input or output, no clock. The local engine and the syncer in the cluster run the same code.
"""
