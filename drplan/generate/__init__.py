"""Helm releases → DRPlan and DRWorkflow: from what `helm template` renders, or from a release of a helmfile.

`chart` and `helmfile` read, `release` and `sync` decide, `parts` and `clusternet` know what is written, `output` makes
it text. All of that is pure; `programs` alone runs something.
"""
