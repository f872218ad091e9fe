from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scimport.sandbox.netdates import read, write

MOMENT = datetime(2009, 6, 5, 13, 4, 9, 617500, tzinfo=timezone(-timedelta(hours=7)))


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("d", "06/05/2009"),
        ("%d", "5"),
        ("dd ddd dddd", "05 Fri Friday"),
        ("%M MM MMM MMMM", "6 06 Jun June"),
        ("%y yy yyy yyyy yyyyy", "9 09 2009 2009 02009"),
        ("h hh H HH", "1 01 13 13"),
        ("m mm s ss", "4 04 9 09"),
        ("f fff fffffff", "6 617 6175000"),
        ("F FFF FFFFFFF", "6 617 6175"),
        ("%t tt", "P PM"),
        ("%z zz zzz K", "-7 -07 -07:00 -07:00"),
        ("yyyy-MM-dd'T'HH:mm", "2009-06-05T13:04"),
        ('"day" d \\d', "day 5 d"),
        ("g", "06/05/2009 13:04"),
        ("gg", "A.D."),
        ("o", "2009-06-05T13:04:09.6175000-07:00"),
        ("s", "2009-06-05T13:04:09"),
    ],
)
def test_dates_are_written(layout: str, text: str) -> None:
    assert write(MOMENT, layout) == text


def test_a_fraction_of_nothing_takes_its_point_along() -> None:
    assert write(datetime(2009, 1, 1, tzinfo=UTC), "ss.FFFK") == "00Z"
    assert write(datetime(2009, 1, 1), "ss.ffK") == "00.00"  # noqa: DTZ001 - a date without a zone


@pytest.mark.parametrize(
    ("text", "layout", "iso"),
    [
        ("20150123105347.1Z", "yyyyMMddHHmmss.fZ", "2015-01-23T10:53:47.100000"),
        ("3/4/99", "M/d/yy", "1999-03-04T00:00:00"),
        ("3/4/49", "M/d/yy", "2049-03-04T00:00:00"),
        ("12:30 am 1 FEB 2020", "h:mm tt d MMM yyyy", "2020-02-01T00:30:00"),
        ("12:30 P 2020-2", "h:mm t yyyy-M", "2020-02-01T12:30:00"),
        ("Monday, 30 November 2026", "dddd, dd MMMM yyyy", "2026-11-30T00:00:00"),
        (" 2020-01-01+0230 ", "yyyy-MM-ddzzz", "2019-12-31T21:30:00+00:00"),
        ("2020-01-01T00:00:00Z", "yyyy-MM-ddTHH:mm:ss.FFFK", "2020-01-01T00:00:00+00:00"),
        ("2020-01-01 -7", "yyyy-MM-dd z", "2020-01-01T07:00:00+00:00"),
    ],
)
def test_dates_are_read(text: str, layout: str, iso: str) -> None:
    assert read(text, layout).isoformat() == iso


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("2020-02-30", "yyyy-MM-dd"),
        ("2020-1-1", "yyyy-MM-dd"),
        ("Tuesday 2026-11-30", "dddd yyyy-MM-dd"),
        ("13:00 PM", "h:mm tt"),
        ("0001-01-01+14:00", "yyyy-MM-ddK"),
        ("2020-01-01+99:00", "yyyy-MM-ddK"),
        ("x", "yyyy"),
    ],
)
def test_what_is_no_date(text: str, layout: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text, layout)


def test_white_space_by_style() -> None:
    with pytest.raises(ValueError, match="yyyy"):
        read(" 2020", "yyyy", frozenset({"None"}))
    assert read(" 2020 - 1", "yyyy - M", frozenset({"AllowWhiteSpaces"})) == read("2020-1", "yyyy-M")


@settings(max_examples=30)
@given(st.datetimes(timezones=st.just(UTC)))
@pytest.mark.parametrize(
    "layout", ["o", "yyyy-MM-dd hh:mm:ss.ffffff tt zzz", "dddd d MMMM yyyy H:m:s.FFFFFF K"]
)
def test_what_is_written_is_read(layout: str, moment: datetime) -> None:
    assert read(write(moment, layout), layout) == moment


@settings(max_examples=60)
@given(st.text(alphabet="dfFgHhKmMstyz%\\'\" :/-9", max_size=12), st.text(max_size=20))
def test_odd_formats_raise_nothing_else(layout: str, text: str) -> None:
    write(MOMENT, layout)
    with suppress(ValueError):
        read(text, layout)
