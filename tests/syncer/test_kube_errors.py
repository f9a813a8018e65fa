"""Answers that are errors, told apart by what to do about them."""

from __future__ import annotations

import json

import pytest

from syncer.kube import errors
from syncer.kube.errors import error_of


def status(code: int, reason: str = "", **details: object) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": "why", "details": details}).encode()


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.Invalid),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Gone),
        (413, "RequestEntityTooLarge", errors.Invalid),
        (418, "Teapot", errors.ApiError),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerError),
        (504, "Timeout", errors.ServerError),
    ],
)
def test_an_answer_becomes_the_exception_of_its_status(code: int, reason: str, kind: type[errors.ApiError]) -> None:
    error = error_of("GET /x", status(code, reason), status=code)
    assert type(error) is kind
    assert str(error) == f"GET /x: {code} {reason}: why"


def test_an_error_inside_a_watch_has_its_status_in_its_body() -> None:
    assert type(error_of("watch", status(410, "Expired"))) is errors.Gone


def test_a_version_from_the_future_is_gone_too() -> None:
    body = status(504, "Timeout", causes=[{"reason": "ResourceVersionTooLarge", "message": "Too large"}])
    assert type(error_of("GET /x", body, status=504)) is errors.Gone


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        ("3", {}, 3.0),
        (None, {"retryAfterSeconds": 5}, 5.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", {}, 0.0),
        (None, {}, 0.0),
    ],
)
def test_the_pause_that_a_server_asks_for_is_kept(
    header: str | None, details: dict[str, object], seconds: float
) -> None:
    error = error_of("GET /x", status(429, **details), status=429, retry_after=header)
    assert error.retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b"\xff\xfe", b"[]", b'{"code": "no number"}'])
def test_whatever_stands_before_a_server_may_answer_what_it_likes(body: bytes) -> None:
    error = error_of("GET /x", body, status=502)
    assert type(error) is errors.ServerError
    assert error.status == 502
