"""What makes a cluster of an API server: containerd, kubelet, kube-proxy, the controllers, the scheduler and CoreDNS.

containerd runs pods, everything else runs beside it as a process of the bed. kubelet is told not to mind what a plain
machine lacks: it makes no groups for the qualities of service, measures no local storage and runs on cgroup v1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bed import images
from bed.build import program
from bed.certificates import CONTROLLER_MANAGER, KUBELET, NODE, PROXY, SCHEDULER
from bed.client import Bed
from bed.network import DNS_SERVICE, NODE_ADDRESS, POD_RANGE, pod_network
from bed.requirements import CNI_FOLDER, command

CONTAINERD = "containerd"
CLUSTER_DOMAIN = "cluster.local"
DNS = {"name": "kube-dns", "namespace": "kube-system"}

CONTAINERD_CONFIG = """\
version = 2
root = "{run}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Not every root may lower a score (CAP_SYS_RESOURCE).
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{settings}/cni"
"""

COREDNS_CONFIG = """\
.:53 {{
  bind {address}
  errors
  kubernetes {domain} {{
    kubeconfig {kubeconfig}
  }}
}}
"""


def start_runtime(bed: Bed) -> None:
    """Start containerd and give it the images that every pod needs."""
    settings = bed.places.settings
    (settings / "cni").mkdir(exist_ok=True)
    (settings / "cni/bed.conflist").write_text(json.dumps(pod_network()))
    config = settings / "containerd.toml"
    config.write_text(
        CONTAINERD_CONFIG.format(
            run=bed.places.run,
            socket=bed.places.containerd_socket,
            pause=images.PAUSE_IMAGE.name,
            cni=CNI_FOLDER,
            settings=settings,
        )
    )
    bed.start(CONTAINERD, [command("containerd"), f"--config={config}"])
    bed.wait("containerd answers", lambda: images.runtime_answers(bed.places), needs=[CONTAINERD])
    for image in (images.PAUSE_IMAGE, images.EXECUTOR_IMAGE):
        images.load(bed.places, image.archive())


def start(bed: Bed) -> None:
    """Start everything that talks to the API server, which is ready by now."""
    _start_controllers(bed)
    _start_kubelet(bed)
    _start_proxy(bed)
    _start_dns(bed)


def wait(bed: Bed) -> None:
    """Wait until pods can be made."""
    bed.wait("the node is ready", lambda: _node_ready(bed), needs=[CONTAINERD, "kubelet"])
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    bed.wait("the controllers work", lambda: bed.kube.get(account) is not None, needs=["kube-controller-manager"])


def _start_controllers(bed: Bed) -> None:
    authority = bed.authority
    kubeconfig = authority.write_kubeconfig(CONTROLLER_MANAGER, bed.state.port)
    bed.start(
        "kube-controller-manager",
        [
            str(program("kube-controller-manager")),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={authority.service_account_key}",
            f"--root-ca-file={authority.ca}",
            f"--cluster-signing-cert-file={authority.ca}",
            f"--cluster-signing-key-file={authority.key('ca')}",
            f"--flex-volume-plugin-dir={_volume_plugins(bed)}",
            "--use-service-account-credentials",
            "--leader-elect=false",
        ],
    )
    kubeconfig = authority.write_kubeconfig(SCHEDULER, bed.state.port)
    bed.start("kube-scheduler", [str(program("kube-scheduler")), f"--kubeconfig={kubeconfig}", "--leader-elect=false"])


def _start_kubelet(bed: Bed) -> None:
    resolver = bed.places.settings / "resolv.conf"
    resolver.write_text("")
    config = bed.places.settings / "kubelet.json"
    config.write_text(json.dumps(_kubelet_config(bed)))
    bed.start(
        "kubelet",
        [
            str(program("kubelet")),
            f"--config={config}",
            f"--kubeconfig={bed.authority.write_kubeconfig(KUBELET, bed.state.port)}",
            f"--root-dir={bed.places.run / 'kubelet'}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
        ],
    )


def _kubelet_config(bed: Bed) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{bed.places.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "resolvConf": str(bed.places.settings / "resolv.conf"),
        "podLogsDir": str(bed.places.logs / "pods"),
        "volumePluginDir": str(_volume_plugins(bed)),
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": CLUSTER_DOMAIN,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(bed.authority.ca)},
        },
        "authorization": {"mode": "Webhook"},
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        # An image that was removed to make room could not be had again.
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "maxPods": 250,
    }


def _start_proxy(bed: Bed) -> None:
    config = bed.places.settings / "kube-proxy.json"
    kubeconfig = bed.authority.write_kubeconfig(PROXY, bed.state.port)
    value = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        # With Debian's nft the other mode leaves the chains of endpoints empty.
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE,
        "conntrack": {"maxPerCore": 0, "min": 0},
        "nodePortAddresses": ["127.0.0.0/8"],
    }
    config.write_text(json.dumps(value))
    bed.start("kube-proxy", [str(program("kube-proxy")), f"--config={config}"])


def _start_dns(bed: Bed) -> None:
    config = bed.places.settings / "Corefile"
    config.write_text(
        COREDNS_CONFIG.format(address=NODE_ADDRESS, domain=CLUSTER_DOMAIN, kubeconfig=bed.places.kubeconfig)
    )
    bed.start("coredns", [str(program("coredns")), f"-conf={config}"])
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    bed.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": DNS,
            "spec": {"clusterIP": DNS_SERVICE, "ports": ports},
        }
    )
    bed.kube.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**DNS, "labels": {"kubernetes.io/service-name": DNS["name"]}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [NODE_ADDRESS]}],
        }
    )


def _volume_plugins(bed: Bed) -> Path:
    """A folder that kubelet and the controllers would otherwise make on the machine."""
    return bed.places.run / "volume-plugins"


def _node_ready(bed: Bed) -> bool:
    node = bed.kube.get(f"/api/v1/nodes/{NODE}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
