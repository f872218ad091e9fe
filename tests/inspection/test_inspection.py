from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.sources.workbooks import write_workbook

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.inspection.dates import Dates
from scimport.inspection.encoding import find_encoding
from scimport.inspection.inspection import Inspection, inspected
from scimport.inspection.profile import Column
from scimport.inspection.proposal import mapping_file, source_file
from scimport.inspection.words import attribute, decided
from scimport.sources.files import find_files

Look = Callable[..., Inspection]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def inspect(content: bytes | str, encoding: str = "utf-8", name: str = "people.csv") -> Inspection:
        raw = content.encode(encoding) if isinstance(content, str) else content
        (tmp_path / name).write_bytes(raw)
        return inspected(find_files(name, tmp_path, {})[0])

    return inspect


def rows(separator: str, count: int, *cells: str) -> str:
    return "".join(separator.join(cell.format(n=n) for cell in cells) + "\n" for n in range(1, count + 1))


class TestEncoding:
    @pytest.mark.parametrize(
        ("text", "encoding", "found"),
        [
            ("Ann", "ascii", "utf-8"),
            ("Zoë Müller", "utf-8", "utf-8"),
            ("Zoë", "utf-8-sig", "utf-8"),
            ("Zoë", "utf-16", "utf-16"),
            ("name;Zoë", "utf-16-le", "utf-16-le"),
            ("Müller, Groß, José, Hélène, für 5 €", "cp1252", "cp1252"),
            ("Łukasz Wójcik, Księgowość, Žofie Dvořáková", "cp1250", "cp1250"),
            ("Müller, Groß, Hélène", "cp850", "cp850"),
        ],
    )
    def test_found(self, tmp_path: Path, text: str, encoding: str, found: str) -> None:
        (tmp_path / "file").write_bytes(text.encode(encoding))
        name, why = find_encoding(find_files("file", tmp_path, {})[0])
        assert name == found
        assert "Müller" not in why


class TestTable:
    @pytest.mark.parametrize(("sign", "setting"), [(";", ";"), ("\t", "tab"), ("|", "|"), (",", None)])
    def test_delimiter(self, look: Look, sign: str, setting: str | None) -> None:
        found = look(f"id{sign}name\n" + rows(sign, 9, "{n}", "a" if sign == "," else "a, b"))
        assert found.table.settings.get("delimiter") == setting
        assert (found.table.columns, found.count) == (("id", "name"), 9)

    def test_what_stands_around(self, look: Look) -> None:
        head = 'Staff list;;\n\nPersonnel No;Name;"Remark\nof HR"\n'
        found = look(head + rows(";", 8, "{n:04}", "Ann", "") + "\nTRAILER;8\n")
        settings = found.table.settings
        assert settings == {"delimiter": ";", "skip_head": 2, "trailer": {"pattern": "TRAILER;([0-9]+)"}}
        assert found.count == 8
        assert next(found.table.rows()) == (5, ["0001", "Ann", ""])

    def test_names_that_are_missing(self, look: Look) -> None:
        found = look("id,name,,name\n" + rows(",", 5, "{n}", "a", "b", "c"))
        assert found.table.settings["names"] == ["id", "name", "Column 3", "name 4"]
        assert found.table.settings["skip_head"] == 1
        assert found.count == 5

    def test_no_header(self, look: Look) -> None:
        found = look(rows("\t", 9, "{n}", "'a'", "a{n}@b.example").replace("\n", "\r"))
        assert found.table.settings["names"] == ["Column 1", "Column 2", "Column 3"]
        assert found.count == 9
        assert found.named('emails[type eq "work"].value') is found.column("Column 3")

    def test_ragged_rows_are_told(self, look: Look) -> None:
        found = look("id,name\n1,a\n2\n" + rows(",", 9, "{n}", "a"))
        assert "line 3 has 1 cells, not 2: the source will stop there" in found.table.evidence

    def test_workbook(self, tmp_path: Path) -> None:
        people = [(n, "Ann", date(2026, 1, n)) for n in range(1, 9)]
        sheet = [("Staff",), (), ("No", "First name", "Start"), *people, ("Total", None, 8)]
        write_workbook(tmp_path / "people.xlsx", {"Staff": sheet})
        found = inspected(find_files("people.xlsx", tmp_path, {})[0])
        assert found.table.settings == {"skip_head": 2, "skip_foot": 1}
        assert (found.count, found.column("Start").kind) == (8, "date")

    @pytest.mark.parametrize("content", [b"", b"\n \n", b"PK\x03\x04no workbook"])
    def test_nothing(self, look: Look, content: bytes) -> None:
        with pytest.raises(SourceError):
            look(content)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @example(b"{}")
    @given(st.one_of(st.binary(), st.text("ab,;\t|\"'\n\r01@.{}-/ \u00e9").map(str.encode)))
    @example(b'{"id": 1}\n2')
    @example(b'a,b\n"x')
    def test_any_file_is_understood_or_a_problem(self, look: Look, content: bytes) -> None:
        try:
            found = look(content)
        except SourceError:
            return
        key = found.keys[0] if found.keys else found.columns[0].name
        assert "key:" in source_file(found, "people.csv", key)
        assert "externalId:" in mapping_file(found, key)


class TestDates:
    @pytest.mark.parametrize(
        ("cells", "form", "words"),
        [
            (["2026-02-01"], "%Y-%m-%d", ""),
            (["01.02.2026"], "%d.%m.%Y", "no cell decides"),
            (["01/02/2026", "05/04/2026"], None, "no cell decides"),
            (["01/02/2026", "13/02/2026"], "%d/%m/%Y", "1 cells can only be day first, the first in line 2"),
            (["02/28/2026"], "%m/%d/%Y", "1 cells can only be month first, the first in line 1"),
            (["02/28/2026", "28/02/2026"], None, "month first"),
            (["2026-02-01T08:30:00"], "%Y-%m-%dT%H:%M:%S", ""),
            (["20260201"], "%Y%m%d", ""),
            (["1-Feb-2026"], "%d-%b-%Y", ""),
            (["01/02/26"], None, "two digits"),
            (["31.02.2026"], "%d.%m.%Y", "look like dates and are none"),
        ],
    )
    def test_format(self, cells: list[str], form: str | None, words: str) -> None:
        dates = Dates()
        assert all(dates.add(cell, line) for line, cell in enumerate(cells, 1))
        assert dates.format == form
        assert words in dates.evidence()

    def test_what_is_no_date(self) -> None:
        assert not any(Dates().add(cell, 1) for cell in ("123", "4711-22", "1/2", "a"))


class TestWords:
    @pytest.mark.parametrize(
        ("header", "meaning"),
        [
            ("WorkerID", "externalId"),
            ("worker_id", "externalId"),
            ("Employee First Name", "name.givenName"),
            ("Given Name", "name.givenName"),
            ("E-Mail", 'emails[type eq "work"].value'),
            ("Primary Work Email", 'emails[type eq "work"].value'),
            ("Personal-Nr.", "externalId"),
            ("Vorname", "name.givenName"),
            ("TAETIGKEIT", "title"),
            ("Prénom", "name.givenName"),
            ("Apellidos", "name.familyName"),
            ("Cognome", "name.familyName"),
            ("Achternaam", "name.familyName"),
            ("Imie", "name.givenName"),
            ("Sobrenome", "name.familyName"),
            ("Příjmení", "name.familyName"),
            ("contact.email", 'emails[type eq "work"].value'),
            ("Private Email", "private"),
            ("Email (private)", None),
            ("Dienstl. E-Mail (geschäftlich)", 'emails[type eq "work"].value'),
            ("Position (Funktion)", "title"),
            ("Tel. Büro", 'phoneNumbers[type eq "work"].value'),
            ("Nachname, Vorname", "displayName"),
            ("Work", None),
            ("Shoe size", None),
        ],
    )
    def test_attribute(self, header: str, meaning: str | None) -> None:
        assert attribute(header) == meaning

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            (["Active", "Terminated", "On Leave"], (("Active", "On Leave"), ("Terminated",))),
            (["Aktiv"], (("Aktiv",), ())),
            (["ja", "nein"], (("ja",), ("nein",))),
            (["N", "Y"], (("Y",), ("N",))),
            (["0", "1"], (("1",), ("0",))),
            (["A", "L", "T"], None),
            (["T"], None),
            (["Active", "Z3"], None),
            ([], None),
        ],
    )
    def test_decided(self, values: list[str], found: Any) -> None:
        assert decided(values) == found


class TestKeys:
    def test_number_goes_before_mail_even_with_some_repeated(self, look: Look) -> None:
        text = "Mail,Employee ID\n" + rows(",", 30, "a{n}@b.example", "{n:03}") + "x@b.example,007\n"
        assert look(text).keys == ("Employee ID", "Mail")

    def test_none(self, look: Look) -> None:
        assert look("First Name,Department\n" + rows(",", 9, "Ann{n}", "IT")).keys == ()

    def test_manager_must_be_a_key(self, look: Look) -> None:
        text = "ID,Manager,Supervisor\n" + rows(",", 9, "{n}", "Ann Lee", "1")
        assert "enterprise.manager.value" not in look(text).meanings.values()
        assert look(text.replace("Ann Lee", "3")).named("enterprise.manager.value") is not None


def test_patterns_of_codes_only() -> None:
    for cells, pattern in ((["A-12", "B-99"], "[A-Z]-[0-9]{2}"), (["Ann", "Bob"], None), (["1", "22"], None)):
        column = Column("c")
        for cell in cells:
            column.add(cell, 1)
        assert column.pattern == pattern


class TestActive:
    def test_status_that_is_not_known_is_not_guessed(self, look: Look) -> None:
        found = look("ID,Status\n" + rows(",", 30, "{n}", "A") + "31,T\n")
        assert found.active is None
        text = mapping_file(found, "ID")
        assert "TODO: the values of Status are not known" in text
        assert "\n  active:" not in text

    def test_no_status(self, look: Look) -> None:
        assert "TODO: no column says who is active" in mapping_file(look("ID,x\n1,2\n2,3\n"), "ID")

    def test_booleans_of_json_are_booleans(self, look: Look) -> None:
        lines = [json.dumps({"id": n, "active": bool(n % 3)}) for n in range(9)]
        found = look("\n".join(lines))
        assert '\n  active: "{{ active }}"' in mapping_file(found, "id")
        numbers = [json.dumps({"id": n, "active": n % 2}) for n in range(9)]
        assert look("\n".join(numbers)).active is None


def test_values_are_in_no_file(look: Look) -> None:
    text = "ID;First Name;Last Name;Private Phone;Born on\n" + rows(
        ";", 30, "{n}", "Zoltan", "Quux", "0170{n}", "x"
    )
    found = look(text)
    assert found.meanings["Private Phone"] == "private"
    written = source_file(found, "people.csv", "ID") + mapping_file(found, "ID")
    assert not [value for value in ("Zoltan", "Quux", "0170") if value in written]


def test_code_of_an_empty_file(look: Look) -> None:
    with pytest.raises(SourceError) as caught:
        look(b"\n\n")
    assert caught.value.problems[0].code is Code.SOURCE_EMPTY


def test_a_word_for_nothing_may_be_a_name(look: Look) -> None:
    people = rows(",", 30, "{n}", "a{n}", "NULL")
    assert 'null_values: ["NULL"]' in source_file(look("ID,Last Name,Unit\n" + people), "p", "ID")
    assert "null_values" not in source_file(look("ID,Last Name\n1,NULL\n2,b\n3,c\n"), "p", "ID")


@pytest.mark.parametrize(
    ("cell", "count", "rule"),
    [
        ("{n}", 9, '{ required: true, pattern: "[0-9]+" }'),
        ("{n:05}", 3, '{ required: true, pattern: "[0-9]{5}" }'),
        ("E{n:03}", 3, "{ required: true }"),
        ("E{n:03}", 30, '{ required: true, pattern: "[A-Z][0-9]{3}" }'),
    ],
)
def test_pattern_of_keys(look: Look, cell: str, count: int, rule: str) -> None:
    found = look("ID,x\n" + rows(",", count, cell, "a"))
    assert f"\n  ID: {rule}\n" in source_file(found, "p", "ID")


def test_who_has_no_display_name_is_shown_by_the_other_names(look: Look) -> None:
    header = "ID,First Name,Last Name,Preferred Name,Email\n"
    full = look(header + rows(",", 9, "{n}", "Ann", "Lee", "Annie", "a{n}@acme.example"))
    some = look(header + "1,Ann,Lee,,a1@acme.example\n2,Bo,Li,Bobby,a2@acme.example\n")
    shown = [yaml.safe_load(mapping_file(one, "ID"))["user"]["displayName"] for one in (full, some)]
    others = """default(row["First Name"] ~ ' ' ~ row["Last Name"], true)"""
    assert shown == ['{{ row["Preferred Name"] }}', f'{{{{ row["Preferred Name"] | {others} }}}}']
