"""Text on a terminal: cleaned, measured, cut and wrapped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drplan.view.text import clean, cut, pad, width, wrap
from drplan.view.times import age, clock, seconds_of, short_duration

NOW = datetime(2026, 7, 22, 12, 0, 1, tzinfo=UTC)
LINES = st.text(max_size=120).map(clean)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        ("  two\n\tlines  here ", "two lines here"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("bell\x07 and back\x08space", "bell and backspace"),
        ("right\u202eto left", "rightto left"),
        ("naïve 名前 ✓", "naïve 名前 ✓"),
    ],
)
def test_nothing_that_a_terminal_would_obey_survives(given_text, shown):
    assert clean(given_text) == shown


@given(st.text())
def test_a_cleaned_text_is_one_printable_line_and_clean_already(given_text):
    cleaned = clean(given_text)
    assert cleaned.isprintable()
    assert clean(cleaned) == cleaned


@given(LINES, st.integers(2, 60))
def test_a_cut_line_fits_and_says_that_it_was_cut(line, cells):
    shown = cut(line, cells)
    assert width(shown) <= cells
    assert shown == line if width(line) <= cells else shown.endswith("…")


@given(LINES, st.integers(2, 60))
def test_a_wrapped_line_fits_and_loses_nothing_but_spaces(line, cells):
    wrapped = wrap(line, cells)
    assert all(width(each) <= cells for each in wrapped)
    assert "".join(wrapped).replace(" ", "") == line.replace(" ", "")


@given(LINES, st.integers(2, 60), st.integers(1, 4))
def test_wrapping_keeps_to_the_lines_that_there_are(line, cells, lines):
    wrapped = wrap(line, cells, lines=lines)
    assert len(wrapped) <= lines
    assert all(width(each) <= cells for each in wrapped)
    if len(wrap(line, cells)) > lines:
        assert wrapped[-1].endswith("…")


def test_words_stay_whole_where_they_can():
    assert wrap("unexpected status code: 503", 12) == ["unexpected", "status code:", "503"]
    assert wrap("x" * 10, 4) == ["xxxx", "xxxx", "xx"]


def test_wide_characters_take_two_cells():
    assert width("名前") == 4
    assert pad("名前", 6) == "名前  "
    assert cut("名前名前", 5) == "名前…"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0, "0s"),
        (0.04, "40ms"),
        (0.9996, "1.0s"),
        (1.25, "1.2s"),
        (59.94, "59.9s"),
        (59.96, "1m0s"),
        (90.4, "1m30s"),
        (3599.7, "1h0m"),
        (7500, "2h5m"),
        (-3, "0s"),
    ],
)
def test_a_duration_is_as_exact_as_its_length_needs(seconds, shown):
    assert short_duration(seconds) == shown


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        ("2026-07-22T12:00:00Z", "1s"),
        ("2026-07-22T11:58:00Z", "2m"),
        ("2026-07-22T08:00:01Z", "4h"),
        ("2026-07-20T08:00:00Z", "2d"),
        ("2026-07-22T12:01:00Z", "0s"),
        (None, "<unknown>"),
        ("yesterday", "<unknown>"),
    ],
)
def test_an_age_is_shown_as_kubectl_does(since, shown):
    assert age(since, NOW) == shown


def test_a_duration_is_taken_as_written_else_from_the_times_else_so_far():
    start, end = "2026-07-22T11:59:00Z", "2026-07-22T11:59:30Z"
    assert seconds_of("5s", start, end, now=NOW) == 5
    assert seconds_of(None, start, end, now=NOW) == 30
    assert seconds_of(None, start, None, now=NOW) == 61
    assert seconds_of(None, start, None, now=None) is None
    assert seconds_of("soon", start, end, now=NOW) is None


def test_the_time_of_day_is_that_of_the_event_in_utc():
    assert clock("2026-07-22T18:00:00+08:00", NOW) == "10:00:00Z"
    assert clock(None, NOW) == "12:00:01Z"
