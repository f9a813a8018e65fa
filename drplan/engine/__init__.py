"""The local engine: runs a compiled Argo Workflow on one machine, each action in a runner process of its own.

It knows only the Argo forms that the compiler emits, refuses every other, and agrees with real Argo on those: names and
ids of nodes, phases, messages, what is omitted and what is tried again. What decides is pure (`depends`, `retries`,
`program`, `nodes`, `scheduler`) or belongs to the syncer (fence, halts, claims, history, fold); the rest gathers and
acts: `store` (state folder), `lane` (processes), `steps` (start and end of a run), `loop` (in between).
`drplan.engine.api` is the door for the commands.
"""
