"""What a Lease says when it is taken, renewed and let go of, and who may take it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from syncer.kube.leader import Pace, may_take, released, taken

NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, UTC)
LEASE = {"metadata": {"name": "l", "resourceVersion": "7"}}


def take(lease: dict[str, object], identity: str, now: datetime = NOON) -> dict[str, dict[str, object]]:
    return taken(lease, identity=identity, seconds=14.2, now=now)


def test_a_new_lease_says_who_has_it_since_when_and_for_how_long() -> None:
    assert take(LEASE, "a") == {
        "metadata": LEASE["metadata"],
        "spec": {
            "holderIdentity": "a",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-11-24T12:00:00.123456Z",
            "renewTime": "2026-11-24T12:00:00.123456Z",
            "leaseTransitions": 0,
        },
    }


def test_times_are_utc_wherever_the_clock_is() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert take(LEASE, "a", tokyo) == take(LEASE, "a")


def test_renewing_changes_the_time_of_renewal_alone() -> None:
    lease = take(LEASE, "a")
    later = take(lease, "a", NOON + timedelta(seconds=2))
    assert later["spec"] == lease["spec"] | {"renewTime": "2026-11-24T12:00:02.123456Z"}


def test_another_holder_is_a_transition_and_fields_of_others_stay() -> None:
    lease = take(LEASE | {"spec": {"strategy": "OldestEmulationVersion"}}, "a")
    other = take(lease, "b", NOON + timedelta(hours=1))
    assert other["spec"]["leaseTransitions"] == 1
    assert other["spec"]["acquireTime"] == other["spec"]["renewTime"] == "2026-11-24T13:00:00.123456Z"
    assert other["spec"]["strategy"] == "OldestEmulationVersion"


def test_a_lease_that_was_let_go_of_is_free_at_once() -> None:
    lease = released(take(LEASE, "a"), now=NOON)
    assert may_take(lease["spec"], identity="b", unchanged=0.0)
    assert take(lease, "b")["spec"]["leaseTransitions"] == 1


def test_a_held_lease_is_free_when_it_did_not_change_for_as_long_as_it_says() -> None:
    spec = take(LEASE, "a")["spec"]
    assert not may_take(spec, identity="b", unchanged=14.9)
    assert may_take(spec, identity="b", unchanged=15.0)
    assert may_take(spec, identity="a", unchanged=0.0)


def test_a_lease_without_a_holder_or_a_duration_is_free() -> None:
    assert may_take({}, identity="b", unchanged=0.0)
    assert may_take({"holderIdentity": "a"}, identity="b", unchanged=0.0)


def test_a_pace_at_which_two_could_lead_is_refused() -> None:
    with pytest.raises(ValueError, match="renew 15 s < lease 15 s does not hold"):
        Pace(lease=15, renew=15)
    with pytest.raises(ValueError, match="retry 10 s"):
        Pace(retry=10)
