"""The language of disaster-recovery plans and its compilation to Argo Workflows.

Everything in this package is pure: no network, no clock, no randomness. The same input gives the same bytes.
"""
