"""Records as files in the folder of an execution: what the local engine uses instead of an API server.

    execution.json          the DRPlanExecution, with the fence
    records/<name>.json     the records
    workflow-e<epoch>.json  the Workflows
    lanes/<lane>/*.lock     held as long as the runner lives: a lane is what a pod is in a cluster
    state.lock              held for every write in this folder

Every write is read-modify-write under the lock, with an integer `resourceVersion`, written aside, fsynced, renamed.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runner import vocabulary as words
from runner.console import now
from runner.lane import Lane, Lock
from runner.records import Conflict, Gone, Object, Unreachable
from runner.vocabulary import RecordPhase


class FileRecords:
    """The store below one execution's folder."""

    in_cluster = False

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def execution(self, name: str) -> Mapping[str, Any] | None:
        """Read `metadata` of the execution."""
        execution = self._read(os.path.join(self._folder, words.STATE_EXECUTION))
        return _metadata(execution, name)

    def workflow(self, name: str) -> Mapping[str, Any] | None:
        """Read `metadata` of one of the Workflows of the execution."""
        for path in sorted(glob.glob(os.path.join(glob.escape(self._folder), words.STATE_WORKFLOW_PREFIX + "*.json"))):
            if (metadata := _metadata(self._read(path), name)) is not None:
                return metadata
        return None

    def get(self, name: str) -> Object | None:
        """Read a record."""
        return self._read(self._path(name))

    def create(self, record: Object) -> Object:
        """Create a record."""
        with self._locked():
            if self.get(record["metadata"]["name"]) is not None:
                raise Conflict(f"record {record['metadata']['name']} exists")
            given = {"uid": str(uuid.uuid4()), "creationTimestamp": now(0), "generation": 1}
            return self._write(record, version=1, given=given)

    def replace(self, record: Object) -> Object:
        """Replace a record."""
        name = record["metadata"]["name"]
        with self._locked():
            current = self.get(name)
            if current is None:
                raise Gone(f"record {name} does not exist")
            version = current["metadata"]["resourceVersion"]
            if version != record["metadata"].get("resourceVersion"):
                raise Conflict(f"record {name} is at version {version}")
            return self._write(record, version=int(version) + 1, given={})

    def begun(self, execution_uid: str, stage: str) -> bool:
        """Whether a stage has a record that is not Skipped."""
        for path in glob.glob(os.path.join(glob.escape(self._folder), words.STATE_RECORDS, "*.json")):
            labels = (self._read(path) or {}).get("metadata", {}).get("labels", {})
            ours = labels.get(words.LABEL_EXECUTION_UID) == execution_uid and labels.get(words.LABEL_STAGE) == stage
            if ours and labels.get(words.LABEL_RESULT) != RecordPhase.SKIPPED:
                return True
        return False

    def pod_gone(self, pod: str) -> bool:
        """Whether no runner of a lane lives any more."""
        folder = os.path.join(self._folder, words.STATE_LANES, pod)
        if not pod or not os.path.isdir(folder):
            return True
        lane = Lane(folder)
        keys = [name.removesuffix(words.LOCK_SUFFIX) for name in os.listdir(folder) if name.endswith(words.LOCK_SUFFIX)]
        return all(lane.lock_of(key) is not Lock.HELD for key in keys)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, words.STATE_RECORDS, name + ".json")

    def _read(self, path: str) -> Object | None:
        try:
            with open(path, encoding="utf-8") as file:
                value = json.load(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Unreachable(f"cannot read {path}: {error}") from error
        assert isinstance(value, dict)
        return value

    def _write(self, record: Object, *, version: int, given: Object) -> Object:
        stored = {**record, "metadata": {**record["metadata"], **given, "resourceVersion": str(version)}}
        path = self._path(stored["metadata"]["name"])
        aside = f"{path}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with open(aside, "w", encoding="utf-8") as file:
                json.dump(stored, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except OSError as error:
            raise Unreachable(f"cannot write {path}: {error}") from error
        return stored

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = os.path.join(self._folder, words.STATE_LOCK)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise Unreachable(f"cannot lock {path}: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _metadata(value: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    metadata = (value or {}).get("metadata") or {}
    return metadata if metadata.get("name") == name else None
