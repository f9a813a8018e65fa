"""The test bed: a real Kubernetes with a real Argo Workflows on one Linux machine, with no registry and no Docker.

    python -m bed up --name demo            # or --tier api: etcd and kube-apiserver alone, in 3 seconds
    python -m bed shell --name demo
    python -m bed down --name demo

A bed is one process tree in namespaces of its own (process ids, mounts, network, cgroups, host name). Its first
process is the *keeper*, which starts, stops and lists all others on request; when it ends, the kernel ends all that
it kept, and with the last process its mounts, its interfaces and its address space are gone. So nothing needs to be
searched for in order to be cleaned up, whoever was killed and however.

| module | what it knows |
| --- | --- |
| `versions`, `build` | which programs, and how they are built from Go modules into a cache |
| `requirements` | what a machine must have |
| `places`, `state` | where a bed's files lie, and what is known about a bed that runs |
| `birth`, `keeper`, `client` | the first process, what it does, and how to talk to it |
| `processes`, `kernel` | which process is whose; system calls that Python has no names for |
| `cgroups`, `network`, `forwarder` | the surroundings that the first process makes |
| `certificates`, `images`, `kube` | files that the programs read, and the API server asked directly |
| `api`, `node`, `argo` | the programs: control plane, node, workflows |
| `lifecycle`, `cli`, `shell` | up and down, for Python and for people |
| `kind` | the same as pytest-kind wants it |
"""
