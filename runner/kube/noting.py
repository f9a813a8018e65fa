"""What the record of an action says about objects: written for this action, and read of one that is undone.

A record holds images of objects, see `runner.kube.images`. The content of a Secret is kept in Secrets beside the
record, one an image, that go with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from runner import vocabulary as words
from runner.kube import images
from runner.kube.answers import Exists, KubeError, NotAllowed
from runner.kube.asking import Asking
from runner.kube.cluster import Cluster
from runner.kube.concluding import NotDone
from runner.kube.images import Image
from runner.kube.objects import Object, Ref, read_reference
from runner.record import entry_id
from runner.vocabulary import Reason

_BEFORE, _AFTER = "before", "after"


class Recorded(NamedTuple):
    """What a record says about one object.

    Attributes:
        ref: the object as it was before, or by name alone.
        before: what was there before.
        after: what was made of it; None when that is not noted.
    """

    ref: Ref
    before: Image
    after: Image | None


class Notes:
    """The part of an action's own record that is about objects."""

    def __init__(self, asking: Asking, cluster: Cluster) -> None:
        self._asking = asking
        self._acting = asking.acting
        self._cluster = cluster
        self.earlier = frozenset(entry_id(entry) for entry in self._acting.before)
        """What earlier attempts of this action have recorded: it stands, for they may have changed it."""

    def before(self, ref: Ref) -> Image | None:
        """Read what is recorded to have been there before, without content; None when nothing is recorded."""
        for entry in self._acting.before:
            if entry_id(entry) == ref.identity:
                return Image(read_reference(entry["ref"]), bool(entry.get("existed")), None)
        return None

    def will_change(self, found: Sequence[Image]) -> None:
        """Record objects, all in one write, that are about to be changed.

        Raises:
            NotDone: they are too large to be recorded, or a Secret among them cannot be kept.
            KubeError: a Secret could not be kept.
        """
        entries = [images.before_entry(image.ref, image.content) for image in found]
        replaced = {entry_id(entry) for entry in entries}
        kept = [entry for entry in self._acting.before if entry_id(entry) not in replaced]
        try:
            images.check_size([*kept, *entries])
        except images.TooLarge as error:
            message = f"{error}; nothing was changed: an action that cannot be undone is not begun"
            raise NotDone(Reason.PRE_IMAGE_TOO_LARGE, message) from error
        self._acting.will_change([self._hidden(entry, _BEFORE) for entry in entries])

    def will_touch(self, found: Sequence[Image]) -> None:
        """Record that objects are about to be changed, and whether they exist, without what they are."""
        self._acting.will_change([{**images.before_entry(one.ref, None), "existed": one.existed} for one in found])

    def changed(self, ref: Ref, content: Object | None) -> None:
        """Record, with the next write, what was made of an object; without content only which one it is."""
        entry = images.after_entry(ref, content)
        known = [one for one in self._acting.after if entry_id(one) != ref.identity]
        try:
            images.check_size([*known, entry])
            entry = self._hidden(entry, _AFTER)
        except (images.TooLarge, NotDone, KubeError) as error:
            # It is done: what follows from it is at most that it cannot be undone.
            self._acting.console.say(f"warning: what {ref.shown} has become is not recorded: {error}")
            entry = images.after_entry(ref, None)
        self._acting.changed(entry)

    def unchanged(self, refs: Collection[Ref]) -> None:
        """Forget, with the next write, objects that were recorded and then not changed."""
        if refs:
            self._acting.unchanged([ref.identity for ref in refs])

    def _hidden(self, entry: Object, of: str) -> Object:
        """Keep the content of a Secret in a Secret of its own, so that the record only names it."""
        record = self._acting.record
        if not images.needs_secret(entry) or record is None:
            return entry
        for number in count(1):
            suffix = f"-{number}" if number > 1 else ""
            moved, data = images.in_secret([entry], f"{record['metadata']['name']}-{of}{suffix}")
            secret = _secret(images.secret_of(moved[0]), data, record, owned=self._acting.recorded_in_cluster)
            if self._kept(secret):
                return moved[0]
        raise AssertionError("there is no end of numbers")

    def _kept(self, secret: Object) -> bool:
        """Create a Secret; False when the name is taken by another content."""
        name = secret["metadata"]["name"]
        try:
            self._asking.read(lambda: self._cluster.create(secret), f"keep Secret {name}")
            return True
        except Exists:
            namespace = secret["metadata"]["namespace"]
            return _data_of(self._asking, self._cluster, namespace, name) == dict(secret["data"])
        except NotAllowed as error:
            role = f"grant Role {words.RUNNER_SECRETS_ROLE}, which is for that"
            message = f"what a Secret was before is kept in a Secret: {str(error).partition('; grant')[0]}; {role}"
            raise NotDone(Reason.FORBIDDEN, message) from error


def recorded(record: Mapping[str, Any], asking: Asking, cluster: Cluster) -> list[Recorded]:
    """Read what the record of another action says about objects, in the order in which they were to be changed."""
    state = record["state"]
    namespace = record["metadata"].get("namespace") or asking.acting.identity.run.namespace

    def image(entry: Mapping[str, Any]) -> Image:
        name = images.secret_of(entry)
        data = _data_of(asking, cluster, namespace, name) if name else None
        try:
            return images.read(entry, data=data)
        except ValueError as error:
            message = f"the record of the action cannot be read: {error}"
            raise NotDone(Reason.NOT_UNDOABLE, message) from error

    after = {entry_id(entry): entry for entry in state.get(_AFTER) or ()}
    found = []
    for entry in state.get(_BEFORE) or ():
        made = after.get(entry_id(entry))
        found.append(Recorded(read_reference(entry["ref"]), image(entry), image(made) if made else None))
    return found


def _data_of(asking: Asking, cluster: Cluster, namespace: str, name: str) -> Mapping[str, str]:
    found = asking.read(lambda: cluster.get(Ref("v1", "Secret", namespace, name)), f"read Secret {name}")
    data: Mapping[str, str] = (found or {}).get("data") or {}
    return data


def _secret(name: str, data: Mapping[str, str], record: Mapping[str, Any], *, owned: bool) -> Object:
    """Make a Secret beside a record; it goes with the record, if that is where it can be seen."""
    of = record["metadata"]
    metadata: Object = {"name": name, "namespace": of["namespace"], "labels": of.get("labels") or {}}
    if owned:
        owner = {"apiVersion": record["apiVersion"], "kind": record["kind"], "name": of["name"], "uid": of["uid"]}
        metadata["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "immutable": True, "data": dict(data)}
