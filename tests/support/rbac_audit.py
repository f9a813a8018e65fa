"""What the runner's service accounts asked for, from an API server's audit log, beside what their Role grants.

with audited(bed.places.audit_log) as audit:
    ...                     # at the end: fails when a runner was refused something

A test that wants a runner to be refused has it run in a namespace whose name ends with `REFUSED`; of what lies in no
namespace its own name ends so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import yaml

from runner.vocabulary import RUNNER_SERVICE_ACCOUNT
from support.api_admin import AGENT

REFUSED = "-refused"
_FORBIDDEN = 403
_ACCOUNTS = "system:serviceaccount:"


class Right(NamedTuple):
    """A verb on a resource; the resource has its subresource behind a slash."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' if self.group else ''}{self.group}"


class Use(NamedTuple):
    """A right that a runner's service account made use of, or tried to."""

    right: Right
    namespace: str
    name: str
    status: int


class Audit:
    """The part of an audit log that was written since this was made.

    Args:
        log: the audit log.
        namespace: whose service account it is about; without one, that of any namespace.
        account: name of the service account.
    """

    def __init__(self, log: Path, *, namespace: str = "", account: str = RUNNER_SERVICE_ACCOUNT) -> None:
        self._account = account
        self._accounts = f"{_ACCOUNTS}{namespace}:" if namespace else _ACCOUNTS
        self._log = log
        self._start = log.stat().st_size if log.exists() else 0

    def uses(self) -> list[Use]:
        """Everything that service accounts of runners asked for."""
        with self._log.open("rb") as file:
            file.seek(self._start)
            # The last line may be one that is just being written.
            entries = [json.loads(line) for line in file if line.endswith(b"\n")]
        return [
            Use(
                Right(
                    reference.get("apiGroup", ""),
                    "/".join(filter(None, (reference.get("resource", ""), reference.get("subresource")))),
                    entry["verb"],
                ),
                reference.get("namespace", ""),
                reference.get("name", ""),
                entry["responseStatus"]["code"],
            )
            for entry in entries
            if entry["user"]["username"].startswith(self._accounts)
            and entry["user"]["username"].endswith(f":{self._account}")
            and entry.get("userAgent") != AGENT
            and (reference := entry.get("objectRef"))
        ]

    def refused(self) -> list[str]:
        """What was refused, where no test wants that.

        What was allowed at another time was refused by an API server that had just begun, and did not know the Roles.
        """
        uses = self.uses()
        allowed = {(use.right, use.namespace) for use in uses if use.status != _FORBIDDEN}
        return [
            f"{use.right} {use.name} in namespace {use.namespace}".replace("  ", " ")
            for use in uses
            if use.status == _FORBIDDEN
            and (use.right, use.namespace) not in allowed
            and not (use.namespace or use.name).endswith(REFUSED)
        ]

    def used(self) -> list[Right]:
        """Rights that were made use of."""
        return sorted({use.right for use in self.uses() if use.status != _FORBIDDEN})


def granted(role: Path) -> list[Right]:
    """Rights that the Roles in a file grant."""
    return sorted(
        Right(group, resource, verb)
        for value in yaml.load_all(role.read_text(), yaml.CSafeLoader)
        if value["kind"] in ("Role", "ClusterRole")
        for rule in value["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


@contextmanager
def audited(log: Path, *, namespace: str = "", account: str = RUNNER_SERVICE_ACCOUNT) -> Iterator[Audit]:
    """Watch an audit log, and fail at the end when a runner (of a namespace) was refused what it asked for.

    The same for another service account, when it is named.
    """
    audit = Audit(log, namespace=namespace, account=account)
    yield audit
    refused = "\n".join(sorted(set(audit.refused())))
    assert not refused, f"{account} was refused what it asked for, and no test wants that:\n{refused}"
