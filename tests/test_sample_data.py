from __future__ import annotations

import csv
import importlib.util
import io
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "sample_data"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_data_generate", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # The program's NamedTuples look their module up while they are made.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(generate: ModuleType) -> dict[str, bytes]:
    made: dict[str, bytes] = generate.files()
    return made


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_the_files_are_what_the_program_writes(generate: ModuleType, tmp_path: Path) -> None:
    generate.main(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    there = {path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file()}
    there = {path for path in there if "__pycache__" not in path.parts}
    assert there - made == {Path(name) for name in ("generate.py", "demo.py", "README.md", "bad/README.md")}
    for path in made:
        # SQLite of another vendor may leave free bytes on every page; the content is the same.
        if path.suffix == ".db" and sys.platform != "linux":
            assert dump(tmp_path / path) == dump(FOLDER / path), path
        else:
            assert (tmp_path / path).read_bytes() == (FOLDER / path).read_bytes(), path


@pytest.mark.parametrize("day", ["", "day2/"])
def test_a_database_holds_what_its_sql_says(day: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((FOLDER / f"{day}contractors.sql").read_text(encoding="utf-8"))
        said = list(connection.iterdump())
    assert dump(FOLDER / f"{day}contractors.db") == said


def test_employees_have_what_makes_real_exports_hard(files: dict[str, bytes]) -> None:
    people = rows(files["employees.csv"])
    names = {row["LastName"] for row in people}
    assert len(people) == 300
    assert {
        "Müller-Lüdenscheidt",
        "Żółć",
        "Ñíguez",
        "O'BRIEN",
        "van der Berg",
        "VAN DER BERG",
        "Null",
    } <= names
    assert all(row["WorkerID"].startswith("00") and len(row["WorkerID"]) == 5 for row in people)
    assert sum("\n" in cell for row in people for cell in row.values()) == 1
    assert any("," in row["JobTitle"] for row in people)
    assert {row["Status"] for row in people} == {"A", "L", "T"}
    assert {row["EmployeeClass"] for row in people} == {"Regular", "Temporary", "Pensioner"}
    for column in ("Email", "Phone", "Mobile", "Office", "JobTitle", "LeaveDate"):
        assert any(row[column] for row in people), column
        assert any(not row[column] for row in people), column


@pytest.mark.parametrize("day", ["", "day2/"])
def test_ids_and_addresses_are_unique_and_managers_are_there(files: dict[str, bytes], day: str) -> None:
    people = rows(files[f"{day}employees.csv"])
    ids = {row["WorkerID"]: row for row in people}
    assert len(ids) == len(people)
    addresses = [row["Email"].lower() for row in people if row["Email"]]
    assert len(set(addresses)) == len(addresses)
    managers = [ids[row["ManagerID"]] for row in people if row["ManagerID"]]
    assert len(managers) == len(people) - 1
    assert {(row["Status"], row["EmployeeClass"]) for row in managers} == {("A", "Regular")}


@pytest.mark.parametrize("day", ["", "day2/"])
def test_contractors_have_types_nulls_and_leads(day: str) -> None:
    with closing(sqlite3.connect(FOLDER / f"{day}contractors.db")) as connection:
        columns = {row[1]: row[2] for row in connection.execute("PRAGMA table_info(contractors)")}
        columns |= {row[1]: row[2] for row in connection.execute("PRAGMA table_info(contracts)")}
        orphans = connection.execute(
            "SELECT count(*) FROM contractors WHERE lead_id NOT IN (SELECT id FROM contractors)"
        ).fetchone()
        nulls = connection.execute(
            "SELECT count(*), count(phone), count(lead_id) FROM contractors"
        ).fetchone()
    assert {"INTEGER", "BOOLEAN", "DATE", "TEXT"} == set(columns.values())
    assert orphans == (0,)
    assert nulls[1] < nulls[0]
    assert nulls[2] < nulls[0]


def test_bad_files_are_wrong_in_the_way_their_names_say(files: dict[str, bytes]) -> None:
    with pytest.raises(UnicodeDecodeError):
        files["bad/encoding.csv"].decode("utf-8")
    assert files["bad/empty.csv"] == b""
    assert len(files["bad/header-only.csv"].splitlines()) == 1
    assert files["bad/bom.csv"].startswith(b"\xef\xbb\xbf")
    assert b"\0" in files["bad/nul-byte.csv"]
    assert files["bad/unclosed-quote.csv"].count(b'"') % 2 == 1
    assert files["bad/renamed-key.csv"].startswith(b"Worker Number,")
    assert len({len(row) for row in csv.reader(io.StringIO(files["bad/ragged.csv"].decode()))}) == 2
