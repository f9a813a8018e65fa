"""What has to happen next: claims, the fence and its halts, cancel, pause, retry, history, how a run ends.

Each module is a handful of pure functions from what is known (plan, execution, records, Workflow, and `now` as an
argument) to a typed answer. Whoever calls them does the writing.
"""
