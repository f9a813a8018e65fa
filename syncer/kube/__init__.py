"""The controller runtime: ask an API server, keep what it holds in view, work through changes, one leader at a time.

Beyond the names of resources it knows nothing of disaster recovery. From the bottom up: `errors`, `resources`,
`transport` (the only module that touches the official client), `client`, `store` and `informer`, `queue`, `controller`,
`leader`, `events`, and `metrics`, where all of them say what they measured. Everything runs on one event loop, and
nothing may be called from another thread.

Nothing is imported here: whoever needs a module names it.
"""
