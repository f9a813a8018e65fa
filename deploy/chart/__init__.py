"""Writes the templates of the Helm chart in `deploy/helm/drplan` from what `drplan install` makes.

    variants    the settings that change the objects in kind, and what they are in the chart's values
    merging     the objects of all variants → one tree, with guards where they differ
    templates   that tree → text with the actions of Helm in it

Chart.yaml, values.yaml, their schema and NOTES.txt are written by people. Nothing of the installation is said here:
what is rendered is compared, for many values, with what `drplan install` and kustomize make.
"""
