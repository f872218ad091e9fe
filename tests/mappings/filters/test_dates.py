from __future__ import annotations

import datetime as dt
import doctest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from scimport.mappings.filters import dates
from scimport.mappings.filters.dates import read_format, read_zone, to_date, to_datetime

DATE_TIME = Draft202012Validator({"format": "date-time"}, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_examples() -> None:
    assert doctest.testmod(dates).failed == 0


@pytest.mark.parametrize("blank", ["", None])
def test_blanks_pass(blank: str | None) -> None:
    assert to_date(blank) == blank
    assert to_date(blank, "%d.%m.%Y") == blank
    assert to_datetime(blank, tz="Europe/Berlin") == blank


@pytest.mark.parametrize(
    ("text", "formats", "iso"),
    [
        ("2024-02-29", (), "2024-02-29"),
        ("20240229", (), "2024-02-29"),
        ("2024-02-29T23:59:59.123-05:00", (), "2024-02-29"),
        ("2024-02-29 10:00", (), "2024-02-29"),
        ("29.02.2024", ("%d.%m.%Y",), "2024-02-29"),
        ("1.2.2024", ("%d.%m.%Y",), "2024-02-01"),
        ("2/1/2024", ("%m/%d/%Y",), "2024-02-01"),
        ("01022024", ("%d%m%Y",), "2024-02-01"),
        ("2024-02-01 10:20:30", ("%Y-%m-%d %H:%M:%S",), "2024-02-01"),
        ("01-FEB-24", ("%d-%b-%y",), "2024-02-01"),
        ("01.02.69", ("%d.%m.%y",), "1969-02-01"),
        ("100%2024/1/2", ("100%%%Y/%m/%d",), "2024-01-02"),
        ("2024", ("%Y",), "2024-01-01"),
        ("1/2/2024", ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y"), "2024-02-01"),
        ("12/31/2024", ("%d/%m/%Y", "%m/%d/%Y"), "2024-12-31"),
        ("2024-02-01", ("%Y-%m-%d",), "2024-02-01"),
    ],
)
def test_date_of_text(text: str, formats: tuple[str, ...], iso: str) -> None:
    assert to_date(text, *formats) == iso
    assert to_datetime(text, *formats)[:10] == iso


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("2024-02-30", ()),
        ("2024-2-1", ()),
        ("24-02-01", ()),
        ("2024-W05-4", ()),
        ("2024-032", ()),
        ("01022024", ()),
        ("2024-02-01x10:00", ()),
        ("２０２４-02-01", ()),  # noqa: RUF001 - digits that int() would read
        ("yesterday", ()),
        ("31.02.2024", ("%d.%m.%Y",)),
        ("01.02.24", ("%d.%m.%Y",)),
        ("1112024", ("%d%m%Y",)),
        ("2024-02-01", ("%d.%m.%Y",)),
        ("01.02.2024 ", ("%d.%m.%Y",)),
        ("01.02.2024\n", ("%d.%m.%Y",)),
        ("01.XYZ.2024", ("%d.%b.%Y",)),
    ],
)
def test_what_is_no_date_is_refused_without_its_text(text: str, formats: tuple[str, ...]) -> None:
    for read in (to_date, to_datetime):
        with pytest.raises(ValueError, match=r"^it is not (an ISO 8601 date|a date written as)") as caught:
            read(text, *formats)
        assert text not in str(caught.value)


@pytest.mark.parametrize("value", [5, 2.5, True, b"2024-01-01", dt.time(1, 2)])
def test_other_values_are_refused(value: object) -> None:
    for read in (to_date, to_datetime):
        with pytest.raises(ValueError, match="neither a text nor a date"):
            read(value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("DD.MM.YYYY", "has no year"),
        ("%d.%m", "has no year"),
        ("%Y-%k", "unknown directive"),
        ("%Y%", "unknown"),
    ],
)
def test_a_wrong_format_is_told_from_a_wrong_value(wrong: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_date("01.02.2024", wrong)
    with pytest.raises(ValueError, match=message):
        read_format(wrong)


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (dt.date(2024, 5, 1), {}, "2024-05-01T00:00:00Z"),
        (dt.date(2024, 5, 1), {"tz": "Europe/Berlin"}, "2024-05-01T00:00:00+02:00"),
        (dt.datetime(2024, 5, 1, 8, 30), {}, "2024-05-01T08:30:00Z"),  # noqa: DTZ001 - as SQL gives it
        (dt.datetime(2024, 5, 1, 8, 30, tzinfo=dt.UTC), {"tz": "+05:30"}, "2024-05-01T14:00:00+05:30"),
        ("2024-05-01", {"tz": "-08:00"}, "2024-05-01T00:00:00-08:00"),
        ("2024-05-01", {"tz": "UTC"}, "2024-05-01T00:00:00Z"),
        ("2024-05-01T10:00:00.25Z", {}, "2024-05-01T10:00:00.250000Z"),
        ("2024-05-01t10:00z", {}, "2024-05-01T10:00:00Z"),
        ("2024-05-01T10:00:00+0200", {}, "2024-05-01T10:00:00+02:00"),
        ("2024-05-01T10:00:00+02:00", {"tz": "UTC"}, "2024-05-01T08:00:00Z"),
        ("01.05.2024", {"format": "%d.%m.%Y", "tz": "Europe/Berlin"}, "2024-05-01T00:00:00+02:00"),
        ("01/May/2024:10:00:00 -0500", {"format": "%d/%b/%Y:%H:%M:%S %z"}, "2024-05-01T10:00:00-05:00"),
        # Berlin was 53 minutes and 28 seconds ahead.
        ("1890-05-01", {"tz": "Europe/Berlin"}, "1890-04-30T23:06:32Z"),
        ("9999-12-31", {"tz": "Europe/Berlin"}, "9999-12-31T00:00:00+01:00"),
    ],
)
def test_datetime(value: object, options: dict[str, Any], text: str) -> None:
    assert to_datetime(value, **options) == text
    assert DATE_TIME.is_valid(text)


def test_date_of_sql_values() -> None:
    assert to_date(dt.date(2024, 5, 1)) == "2024-05-01"
    assert to_date(dt.datetime(2024, 5, 1, 23, 0, tzinfo=dt.UTC)) == "2024-05-01"


def test_time_zones() -> None:
    assert read_zone(None) is dt.UTC
    assert read_zone("+0530") == dt.timezone(dt.timedelta(hours=5, minutes=30))
    for name in ("Mars/Olympus", "../etc/passwd", "+99:00", "Europe"):
        with pytest.raises(ValueError, match="time zone"):
            to_datetime("2024-05-01", tz=name)
    with pytest.raises(ValueError, match="out of range"):
        to_datetime("9999-12-31T23:00:00Z", tz="+14:00")


FORMATS = st.sampled_from(
    ["%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y/%m/%d %H:%M", "%d-%m-%Y %H:%M:%S", "%Y%m%d", "%d.%m.%Y %H Uhr"]
)


@given(st.datetimes(min_value=dt.datetime(1000, 1, 1)), FORMATS)  # noqa: DTZ001 - as files say them
def test_what_a_format_writes_it_reads(moment: dt.datetime, item: str) -> None:
    text = moment.strftime(item)
    assert to_date(text, item) == moment.date().isoformat()
    assert read_format(item)(text) == dt.datetime.strptime(text, item)  # noqa: DTZ007


@settings(max_examples=200)
@given(
    st.from_regex(r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,5}( [0-9]{1,2}:[0-9]{1,2})?", fullmatch=True),
    FORMATS,
)
def test_formats_read_as_strptime_does(text: str, item: str) -> None:
    try:
        expected = dt.datetime.strptime(text, item)  # noqa: DTZ007
    except ValueError:
        expected = None
    assert read_format(item)(text) == expected


@given(st.dates())
def test_iso_dates_come_back(day: dt.date) -> None:
    assert to_date(day.isoformat()) == day.isoformat()
    assert to_datetime(day.isoformat()) == f"{day.isoformat()}T00:00:00Z"


@given(st.text(max_size=12))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    try:
        found = to_date(text)
    except ValueError:
        return
    assert not found or dt.date.fromisoformat(found).isoformat() == found


YEARS = (dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1))  # noqa: DTZ001 - the strategy adds the zone


@given(
    st.datetimes(*YEARS) | st.datetimes(*YEARS, timezones=st.timezones()),
    st.sampled_from([None, "UTC", "Europe/Berlin", "America/St_Johns", "+05:45", "-12:00"]),
)
def test_every_datetime_is_rfc3339(moment: dt.datetime, tz: str | None) -> None:
    text = to_datetime(moment, tz=tz)
    assert DATE_TIME.is_valid(text)
    if moment.tzinfo:
        # In UTC, since Python calls a time that the clocks leap over unequal to every other.
        assert dt.datetime.fromisoformat(text).astimezone(dt.UTC) == moment.astimezone(dt.UTC)
