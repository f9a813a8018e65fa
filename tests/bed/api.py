"""The tier *api*: etcd and kube-apiserver, for every test that needs no pods.

There is no controller in it: namespaces are not emptied, nothing is collected, no default service account appears.
"""

from __future__ import annotations

import json

from bed.build import program
from bed.certificates import ADMIN, FRONT_PROXY
from bed.client import Bed
from bed.network import NODE_ADDRESS, SERVICE_RANGE

ETCD = "etcd"
APISERVER = "kube-apiserver"
ETCD_ADDRESS = "http://127.0.0.1:2379"
SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc"

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system", "system:nodes", "system:masters"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}
"""Who asked for what and whether it was allowed, for the service accounts of those who use the bed."""


def start(bed: Bed) -> None:
    """Start etcd and kube-apiserver, and wait for neither."""
    bed.start(ETCD, _etcd(bed))
    bed.start(APISERVER, _apiserver(bed))


def wait(bed: Bed) -> None:
    """Wait until the API server is ready."""
    bed.wait("the API server is ready", bed.kube.ready, needs=(ETCD, APISERVER))


def _etcd(bed: Bed) -> list[str]:
    return [
        str(program("etcd")),
        f"--data-dir={bed.places.run / 'etcd'}",
        f"--listen-client-urls={ETCD_ADDRESS}",
        f"--advertise-client-urls={ETCD_ADDRESS}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        # The data ends with the bed.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver(bed: Bed) -> list[str]:
    authority = bed.authority
    policy = bed.places.settings / "audit-policy.json"
    policy.write_text(json.dumps(AUDIT_POLICY))
    return [
        str(program(APISERVER)),
        f"--etcd-servers={ETCD_ADDRESS}",
        f"--secure-port={bed.state.port}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={NODE_ADDRESS}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--client-ca-file={authority.ca}",
        f"--tls-cert-file={authority.certificate('apiserver')}",
        f"--tls-private-key-file={authority.key('apiserver')}",
        f"--service-account-key-file={authority.service_account_public_key}",
        f"--service-account-signing-key-file={authority.service_account_key}",
        f"--service-account-issuer={SERVICE_ACCOUNT_ISSUER}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--kubelet-client-certificate={authority.certificate(ADMIN)}",
        f"--kubelet-client-key={authority.key(ADMIN)}",
        "--kubelet-preferred-address-types=InternalIP",
        # A Service has no address of its own without kube-proxy: aggregated APIs are asked at their endpoints.
        "--enable-aggregator-routing=true",
        f"--proxy-client-cert-file={authority.certificate(FRONT_PROXY)}",
        f"--proxy-client-key-file={authority.key(FRONT_PROXY)}",
        f"--requestheader-client-ca-file={authority.ca}",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={bed.places.audit_log}",
    ]
