"""What happens where the kind of records is not installed, or may not be used."""

from __future__ import annotations

import pytest

from runner.records import Forbidden, KindUnknown, Object, RecordsError
from runner.records.files import FileRecords
from support.http_site import Site
from support.runner_bench import Bench, run_frame, spec


class Refusing(FileRecords):
    """Files in which records cannot be had."""

    def __init__(self, bench: Bench, error: type[RecordsError]) -> None:
        super().__init__(str(bench.state))
        self._error = error

    def get(self, name: str) -> Object | None:
        raise self._error("no")

    def create(self, record: Object) -> Object:
        raise self._error("no")

    def replace(self, record: Object) -> Object:
        raise self._error("no")


@pytest.mark.parametrize(("error", "reason"), [(KindUnknown, "RecordsRequired"), (Forbidden, "Forbidden")])
def test_nothing_is_done_without_a_record(bench: Bench, site: Site, error: type[RecordsError], reason: str) -> None:
    ending = run_frame(bench, spec(url=site.url), Refusing(bench, error))
    assert ending.code == 4
    assert ending.result is not None
    assert (ending.result.phase, ending.result.reason) == ("Failed", reason)
    assert site.count() == 0


def test_a_break_glass_run_of_what_may_be_repeated_goes_on_without_one_and_warns(
    bench: Bench, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = run_frame(bench, spec(url=site.url, method="PUT"), Refusing(bench, KindUnknown), break_glass=True)
    assert ending.code == 0
    assert ending.result is not None
    assert (ending.result.phase, ending.result.record) == ("Succeeded", "")
    assert ending.result.outputs["httpResponse"]["statusCode"] == 200
    assert capsys.readouterr().out.count("warning: running without a record") == 1
    assert site.count() == 1


@pytest.mark.parametrize(
    ("error", "method", "reason"),
    [(KindUnknown, "POST", "RecordsRequired"), (Forbidden, "POST", "Forbidden"), (Forbidden, "PUT", "Forbidden")],
)
def test_a_break_glass_run_does_nothing_that_a_lost_pod_could_do_twice(
    bench: Bench, site: Site, error: type[RecordsError], method: str, reason: str
) -> None:
    ending = run_frame(bench, spec(url=site.url, method=method), Refusing(bench, error), break_glass=True)
    assert ending.code == 4
    assert ending.result is not None
    assert (ending.result.phase, ending.result.reason) == ("Failed", reason)
    assert site.count() == 0


def test_a_break_glass_run_of_more_than_one_lane_needs_records(bench: Bench, site: Site) -> None:
    what = spec(url=site.url, after=["a9"], earlier=["a9"])
    ending = run_frame(bench, what, Refusing(bench, KindUnknown), break_glass=True)
    assert ending.code == 4
    assert ending.result is not None
    assert ending.result.reason == "RecordsRequired"
    assert site.count() == 0
