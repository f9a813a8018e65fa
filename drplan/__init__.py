"""The command `drplan`: its commands, the local engine and the reports.

The package itself imports nothing, so that a command loads only what it needs.
"""
