"""The programs that a bed runs and that no Debian package has: where they come from, pinned.

Each tool is a Go module below `tools/` whose go.mod pins the program and everything that it is built from. To move to
another version change the number here and in go.mod, run `go mod tidy` there, and commit go.sum.

Why these: Kubernetes 1.34 still runs on cgroup v1 and with Debian's containerd 1.6, newer kubelets refuse one or the
other. etcd 3.6 rather than Debian's 3.4, which lacks the progress notifications that client-go asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOOLS_FOLDER = Path(__file__).parent / "tools"

KUBERNETES = "v1.34.4"
ARGO = "v3.7.6"
ETCD = "v3.6.16"
COREDNS = "v1.12.0"
PAUSE = "v1"
HELM = "v3.22.0"

ARGO_MODULE = "github.com/argoproj/argo-workflows/v3"
HELM_MODULE = "helm.sh/helm/v3"


@dataclass(frozen=True, slots=True)
class Tool:
    """Programs that are built from one Go module.

    Attributes:
        name: the folder below `tools/`.
        module: the Go module that holds the programs; empty when it is the folder itself.
        version: its version.
        programs: Go package by the name of the program.
        stamps: Go variables that get the version, so that the programs tell it.
    """

    name: str
    module: str
    version: str
    programs: Mapping[str, str]
    stamps: tuple[str, ...] = field(default=())


TOOLS = (
    Tool(
        "kubernetes",
        "k8s.io/kubernetes",
        KUBERNETES,
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
                "kubectl",
            )
        },
        ("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"),
    ),
    Tool(
        "argo",
        ARGO_MODULE,
        ARGO,
        {name: f"{ARGO_MODULE}/cmd/{name}" for name in ("workflow-controller", "argoexec", "argo")},
        (f"{ARGO_MODULE}.version",),
    ),
    Tool("etcd", "go.etcd.io/etcd/server/v3", ETCD, {"etcd": "go.etcd.io/etcd/server/v3"}),
    Tool("coredns", "github.com/coredns/coredns", COREDNS, {"coredns": "github.com/coredns/coredns"}),
    Tool("pause", "", PAUSE, {"pause": "."}),
    Tool("helm", HELM_MODULE, HELM, {"helm": f"{HELM_MODULE}/cmd/helm"}, (f"{HELM_MODULE}/internal/version.version",)),
)

TOOL_OF_PROGRAM = {program: tool for tool in TOOLS for program in tool.programs}
