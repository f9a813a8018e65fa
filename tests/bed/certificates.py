"""The bed's certificate authority and what it issues, made with openssl anew for every bed."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bed.network import API_SERVICE, NODE_ADDRESS
from bed.problems import BedProblem
from bed.requirements import command

NODE = "bed"
"""The name of the node, and of the context in kubeconfig files."""

ADMIN = "admin"
CONTROLLER_MANAGER = "controller-manager"
SCHEDULER = "scheduler"
PROXY = "proxy"
KUBELET = "kubelet"
FRONT_PROXY = "front-proxy"
"""The API server, when it hands a request on to the server of an aggregated API: may say in headers whose it is."""

USERS = {
    ADMIN: "/O=system:masters/CN=admin",
    CONTROLLER_MANAGER: "/CN=system:kube-controller-manager",
    SCHEDULER: "/CN=system:kube-scheduler",
    PROXY: "/CN=system:kube-proxy",
    KUBELET: f"/O=system:nodes/CN=system:node:{NODE}",
    FRONT_PROXY: f"/CN={FRONT_PROXY}",
}
"""The subject, which is who Kubernetes takes the user for."""

API_NAMES = (
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:localhost",
    "IP:127.0.0.1",
    f"IP:{API_SERVICE}",
    f"IP:{NODE_ADDRESS}",
)

KEY_KIND = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
DAYS = "30"

OPENSSL_CONFIG = """\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[issued]
basicConstraints = critical, CA:FALSE
authorityKeyIdentifier = keyid
"""


class Authority:
    """What the bed's programs know each other by.

    Attributes:
        folder: where everything lies.
        ca: the authority's certificate.
        service_account_key: signs the tokens of service accounts.
        service_account_public_key: checks them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.crt"
        self.service_account_key = folder / "service-accounts.key"
        self.service_account_public_key = folder / "service-accounts.pub"

    def make(self) -> None:
        """Make the authority, a certificate for the API server and one for each user."""
        self.folder.mkdir(mode=0o700)
        (self.folder / "openssl.cnf").write_text(OPENSSL_CONFIG)
        self._certificate("ca", "/CN=bed", "-extensions", "authority")
        self._issue("apiserver", "/CN=kube-apiserver", "-addext", f"subjectAltName={','.join(API_NAMES)}")
        for user, subject in USERS.items():
            self._issue(user, subject)
        key, public = self.service_account_key.name, self.service_account_public_key.name
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        self._openssl("ec", "-in", key, "-pubout", "-out", public)

    def certificate(self, name: str) -> Path:
        """The certificate that was issued under a name."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Its private key."""
        return self.folder / f"{name}.key"

    def kubeconfig(self, user: str, port: int, *, context: str = NODE) -> str:
        """Credentials of a user that need no other file.

        Args:
            user: who.
            port: where the API server listens.
            context: what the cluster, the user and the context are called.

        Returns:
            JSON, which is YAML too.
        """
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": _data(self.ca)}
        credentials = {
            "client-certificate-data": _data(self.certificate(user)),
            "client-key-data": _data(self.key(user)),
        }
        config: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": context, "user": credentials}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "current-context": context,
        }
        return json.dumps(config, indent=2) + "\n"

    def write_kubeconfig(self, user: str, port: int) -> Path:
        """Write a user's credentials where the bed's own programs read them."""
        path = self.folder / f"{user}.kubeconfig"
        path.write_text(self.kubeconfig(user, port))
        return path

    def _issue(self, name: str, subject: str, *extension: str) -> None:
        self._certificate(name, subject, "-extensions", "issued", "-CA", "ca.crt", "-CAkey", "ca.key", *extension)

    def _certificate(self, name: str, subject: str, *more: str) -> None:
        output = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
        settings = ("-config", "openssl.cnf", "-days", DAYS)
        self._openssl("req", "-x509", *KEY_KIND, *output, "-subj", subject, *settings, *more)

    def _openssl(self, *arguments: str) -> None:
        done = _run([command("openssl"), *arguments], self.folder)
        if done.returncode:
            raise BedProblem(f"`openssl {' '.join(arguments)}` failed:\n{done.stderr.strip()}")


def _run(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
