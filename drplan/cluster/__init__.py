"""Executions in a cluster, as the commands see them: ask for them, follow them, read what became of them.

`wishes`, `stages` and `problems` decide and are pure; `server` is the only module that asks an API server, with the
rights of whoever calls the command; `following` keeps one execution in view. The cluster's own work is the syncer's:
nothing here carries anything out.
"""
