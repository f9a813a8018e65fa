"""Admission: what may be created, changed and deleted of our kinds, and the one field that is filled in.

The API server asks over TLS (`server`) and is answered by `review`, which is pure: a request and the objects around it
in, an answer out. Objects are judged by `compiler.rules`, so that a cluster refuses what `drplan validate` refuses.
What is kept safe here is kept safe elsewhere too: an execution starts only with its claim on the plan, and what must
hold while nobody answers is CEL in the API server (`deploy/syncer`).
"""
