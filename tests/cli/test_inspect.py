from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.cli.conftest import Command
from tests.sources.workbooks import write_workbook

PEOPLE = [(f"{n:04}", f"Zoë{n}", "Müller", f"z{n}@acme.example") for n in range(1, 31)]


def personio(path: Path) -> None:
    head = "Personalnummer;Vorname;Nachname;E-Mail;Status;Eintrittsdatum;Vorgesetzter ID\r\n"
    lines = [
        ";".join((*one, "Ausgeschieden" if n % 9 == 0 else "Aktiv", "24.12.2020", "0001")) + "\r\n"
        for n, one in enumerate(PEOPLE, 1)
    ]
    path.write_bytes((head + "".join(lines)).encode("cp1252"))


def workday(path: Path) -> None:
    head = "Report\r\n\r\nEmployee ID\tLegal First Name\tLegal Last Name\tPrimary Work Email\tActive\r\n"
    lines = ["\t".join((*one, "N" if n == 7 else "Y")) for n, one in enumerate(PEOPLE)]
    path.write_bytes((head + "\r\n".join(lines)).encode("utf-16"))


def excel(path: Path) -> None:
    started = [date(2020, 1, 1) + timedelta(n) for n in range(len(PEOPLE))]
    rows = [(*one, "yes", start) for one, start in zip(PEOPLE, started, strict=True)]
    header = ("No", "Given name", "Surname", "Mail", "Enabled", "Start")
    write_workbook(path, {"Staff": [("Staff",), (), header, *rows]})


def duplicates(path: Path) -> None:
    rows = [*PEOPLE, PEOPLE[3], (PEOPLE[4][0], "Other", "Lee", "o@acme.example")]
    lines = ["|".join((*one, "true")) for one in rows]
    header = "Worker ID|First Name|Last Name|E-Mail|Active"
    path.write_text("\n".join([header, *lines, f"END|{len(rows)}\n"]), "utf-8")


def no_header(path: Path) -> None:
    path.write_text("".join(",".join(one) + "\r" for one in PEOPLE), "utf-8", newline="")


@pytest.mark.parametrize(
    "case",
    [
        ("Personio Export.csv", personio, 0, 30),
        ("workday.txt", workday, 0, 30),
        ("staff.xlsx", excel, 0, 30),
        ("dup.csv", duplicates, 4, 29),
        ("plain.csv", no_header, 0, 30),
    ],
)
def test_init_from_makes_a_running_project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scimport: Command,
    case: tuple[str, Callable[[Path], None], int, int],
) -> None:
    name, write, code, sent = case
    write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    made = scimport("init", "--from", name, "project")
    assert made.code == 0, made.err
    assert "Zoë" not in made.out
    monkeypatch.chdir(tmp_path / "project")
    (mapping,) = Path("mappings").iterdir()
    if write is no_header:
        assert scimport("check").code == 2
        text = mapping.read_text("utf-8")
        mapping.write_text(text.replace("  # active: true", "  active: true"), "utf-8")
    checked = scimport("check")
    assert checked.code == 0, checked.out
    assert scimport("preview", mapping.stem).code == 0
    run = scimport("run", mapping.stem, "--json")
    assert (run.code, run.json["accepted"]) == (code, sent), run.err
    (data,) = Path("exports").iterdir()
    assert stat.S_IMODE(data.stat().st_mode) == 0o600


def test_a_file_without_a_key_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scimport: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("First Name,Team\n" + "Ann,IT\n" * 9)
    refused = scimport("init", "--from", "a.csv")
    assert refused.code == 2
    assert "no column names a person" in refused.out + refused.err
    assert not Path("a").exists()
    assert scimport("init", "--from", "a.csv", "--key", "Teem").code == 2
    assert scimport("init", "--from", "a.csv", "--key", "Team").code == 0
    assert 'externalId: "{{ Team }}"' in Path("a/mappings/a.yml").read_text("utf-8")


def test_init_wants_a_folder_or_a_file(tmp_path: Path, scimport: Command) -> None:
    assert scimport("init").code == 2
    assert scimport("init", tmp_path / "x", "--key", "id").code == 2


def test_inspect_shows_no_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scimport: Command) -> None:
    monkeypatch.chdir(tmp_path)
    personio(Path("people.csv"))
    said = scimport("inspect", "people.csv", "--mapping")
    assert said.code == 0
    assert not [value for value in ("Zoë", "Müller", "z1@") if value in said.out]
    assert "day first" in " ".join(said.out.split())
    assert "Müller" in scimport("inspect", "people.csv", "--show-values").out
    document = scimport("inspect", "people.csv", "--json").json
    assert (document["records"], document["keys"][0], document["mapping"]) == (30, "Personalnummer", None)
    assert "Zoë" not in str(document)


def test_inspect_of_nothing(tmp_path: Path, scimport: Command) -> None:
    missing = scimport("inspect", tmp_path / "people.csv")
    assert missing.code == 1
    assert "source-not-found" in missing.out + missing.err
