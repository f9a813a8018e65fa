"""The admission server behind a real API server, asked with kubectl as people do.

The server listens inside the bed, where the API server reaches it at 127.0.0.1; its process lives outside. The webhook
configurations and policies are those that are installed, less the Service, which leads nowhere in a bed without nodes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import yaml

from bed.build import program
from compiler.model.names import ANNOTATION_FENCE, API_VERSION, KIND_EXECUTION
from support.api_admin import Administrator, until
from support.api_proxy import Certificate
from support.command import ROOT

Object = dict[str, Any]

FOLDER = ROOT / "deploy" / "syncer"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
SYNCER = "system:serviceaccount:drplan-system:drplan-syncer"
PROBE: Object = {
    "apiVersion": API_VERSION,
    "kind": KIND_EXECUTION,
    "metadata": {"name": "probe"},
    "spec": {"planRef": "gone", "operationType": "Execute"},
}


class Said(NamedTuple):
    """What kubectl answered."""

    code: int
    out: str
    err: str


class AdmissionBench:
    """A running server, and the API server that asks it."""

    def __init__(self, administrator: Administrator, certificate: Certificate, folder: Path) -> None:
        self.administrator = administrator
        self.folder = folder / "certificate"
        self.namespaces: list[str] = []
        self.answers: list[str] = []
        self._answered = threading.Condition()
        self._certificate = certificate
        self._scratch = folder
        self._listener: socket.socket
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> AdmissionBench:
        self.folder.mkdir()
        self.show(self._certificate)
        try:
            self.start()
            self.install(self._certificate.authority.read_bytes())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()
        self.stop()
        for namespace in self.namespaces:
            self.administrator.delete("Namespace", "", namespace)

    def start(self) -> None:
        """Start the server, at a new port, and wait until it has everything in view."""
        self._listener = self.administrator.bed.listen("127.0.0.1")
        command = [sys.executable, "-m", "support.admission_server", str(self.kubeconfig), str(self.folder)]
        paths = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
        self._process = subprocess.Popen(
            command,
            stdin=self._listener.fileno(),
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        self.wait_for("serving")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop the server."""
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        self._listener.close()
        with self._answered:
            self.answers.clear()

    def show(self, certificate: Certificate) -> None:
        """Put a certificate where the server looks for it."""
        for name, source in (("tls.key", certificate.key), ("tls.crt", certificate.certificate)):
            (self.folder / f"{name}.new").write_bytes(source.read_bytes())
            (self.folder / f"{name}.new").rename(self.folder / name)

    def install(self, trust: bytes) -> None:
        """Install webhooks and policies, and wait until they are in force."""
        for value in webhooks(self.port, trust):
            self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=value)
        self.kubectl("apply", "-f", str(FOLDER / "admission-policies.yaml"))
        namespace = self.namespace("probe")
        until(lambda: "denied" in self.kubectl("create", "-n", namespace, "-f", "-", given=PROBE, fails=None).err, "it")

    def uninstall(self) -> None:
        """Take the webhooks and policies away, and wait until they are not in force any more."""
        both = "validatingwebhookconfiguration,mutatingwebhookconfiguration"
        self.kubectl("delete", "--ignore-not-found", both, "drplan")
        self.kubectl("delete", "--ignore-not-found", "-f", str(FOLDER / "admission-policies.yaml"))
        namespace = self.namespace("probe")
        created = ("create", "-n", namespace, "-f", "-")
        until(lambda: self.kubectl(*created, given=PROBE, fails=None).code == 0, "webhooks to be gone", seconds=60)
        fenced = ("annotate", "-n", namespace, "--overwrite", "drplanexecution", "probe", f"{ANNOTATION_FENCE}=none")
        until(lambda: self.kubectl(*fenced, fails=None).code == 0, "policies to be gone", seconds=60)

    @property
    def port(self) -> int:
        """Where the server listens."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.administrator.bed.places.kubeconfig

    def namespace(self, name: str) -> str:
        """A namespace that goes with this."""
        made = f"{name}-{uuid.uuid4().hex[:6]}"
        self.administrator.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made}})
        self.namespaces.append(made)
        return made

    def kubectl(self, *arguments: str, given: Object | Sequence[Object] = (), fails: bool | None = False) -> Said:
        """Call kubectl; whether it fails is as expected, or does not matter (None)."""
        objects = [given] if isinstance(given, dict) else list(given)
        command = [str(program("kubectl")), f"--kubeconfig={self.kubeconfig}", *arguments]
        cache = {"KUBECACHEDIR": str(self._scratch / "kubectl-cache")}
        text = "---\n".join(json.dumps(each) + "\n" for each in objects)
        made = subprocess.run(
            command, env={**os.environ, **cache}, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        said = Said(made.returncode, made.stdout.strip(), made.stderr.strip())
        assert fails is None or bool(said.code) is fails, f"{' '.join(arguments)}: {said}"
        return said

    def apply(self, *objects: Object, namespace: str, fails: bool = False) -> Said:
        """Apply objects."""
        return self.kubectl("apply", "-n", namespace, "-f", "-", given=[_here(each) for each in objects], fails=fails)

    def patch(
        self, what: str, name: str, patch: Object, *, namespace: str, fails: bool = False, part: str = ""
    ) -> Said:
        """Change an object by a merge patch."""
        subresource = [f"--subresource={part}"] if part else []
        more = ["-n", namespace, "--type=merge", "-p", json.dumps(patch), *subresource]
        return self.kubectl("patch", what, name, *more, fails=fails)

    def wait_for(self, answer: str) -> None:
        """Wait until the server has said this."""
        with self._answered:
            assert self._answered.wait_for(lambda: answer in self.answers, 30), f"no {answer} in {self.answers}"

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                with self._answered:
                    self.answers.append(line.strip())
                    self._answered.notify_all()
        except ValueError:  # closed meanwhile
            return


def webhooks(port: int, trust: bytes | None) -> list[Object]:
    """The webhook configurations, for a server at 127.0.0.1."""
    configurations = list(yaml.safe_load_all((FOLDER / "webhooks.yaml").read_text()))
    for configuration in configurations:
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"].pop("service")["path"]
            webhook["clientConfig"]["url"] = f"https://127.0.0.1:{port}{path}"
            if trust is not None:
                webhook["clientConfig"]["caBundle"] = base64.b64encode(trust).decode()
    return configurations


def denial(said: Said) -> str:
    """The part of a refusal that admission has written."""
    found = re.search(r"admission webhook .*", said.err, re.DOTALL)
    return found.group() if found else said.err


def _here(obj: Object) -> Object:
    metadata = {name: value for name, value in obj["metadata"].items() if name != "namespace"}
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}
