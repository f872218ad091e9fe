from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.cli.conftest import Command

KEY = "dGhpcyBpcyBhbiBleGFtcGxlLCBub3QgYSBzZWNyZXQ="


@pytest.fixture(autouse=True)
def _second_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPLOYEES_CSV", "sample_data/day2/employees.csv")


def test_a_person_leaves_no_trace(sample: Path, scimport: Command) -> None:
    ran = scimport("run", "employees", "--no-prefect", "--json").json
    problems = sample / ran["problems_file"]
    state = sample / ".scimport" / "state.db"
    for key, place, value in (("00103", state, b"Matthias.Jager"), ("00520", problems, b"00520")):
        assert value.lower() in place.read_bytes().lower()
        told = scimport("purge", "--person", key, "--dry-run", "--json").json
        assert value.lower() in place.read_bytes().lower()
        done = scimport("purge", "--person", key, "--json").json
        assert done["removed"] == told["removed"]
        assert (done["dry_run"], told["dry_run"]) == (False, True)
        assert value.lower() not in place.read_bytes().lower()
        assert scimport("purge", "--person", key).code == 2
    assert "00546" in problems.read_text()
    again = scimport("run", "employees", "--no-prefect", "--json").json
    assert (again["joiners"], again["unchanged"]) == (1, ran["joiners"] - 1)


def test_what_goes_together(sample: Path, scimport: Command) -> None:
    (sample / "scimport.toml").write_text('[retention]\nruns = "1d"\n')
    scimport("run", "employees", "--no-prefect")
    (folder,) = (sample / ".scimport" / "runs").iterdir()
    old = folder.with_name("r-20200101-000000-abcdef")
    folder.rename(old)
    assert scimport("purge", "--dry-run", "--json").json["folders"] == 1
    scimport("run", "employees", "--no-prefect")
    assert not old.exists()
    assert scimport("purge", "--older-than", "90d").code == 0
    for wrong in (
        ("--older-than", "soon"),
        ("--pipeline", "employees"),
        ("--older-than", "1d", "--person", "00103"),
    ):
        assert scimport("purge", *wrong).code == 2
    (sample / "scimport.toml").unlink()
    assert scimport("purge").code == 2


def test_files_are_for_their_owner_alone(sample: Path, scimport: Command) -> None:
    scimport("run", "employees", "--no-prefect")
    scimport("plan", "employees", "--full", "--requests", "requests")
    folders = [sample / ".scimport", sample / "requests"]
    found = {path: stat.S_IMODE(path.stat().st_mode) for one in folders for path in (one, *one.rglob("*"))}
    names = {path.name for path in found}
    assert {"state.db", "sandbox.db", "problems.csv", "runs", "request-00001.json"} <= names
    for path, mode in found.items():
        assert mode == (0o700 if path.is_dir() else 0o600) or path.name == ".gitignore", path


@pytest.mark.parametrize("values", ["encrypt", "digest"])
def test_a_state_without_values(
    sample: Path, scimport: Command, monkeypatch: pytest.MonkeyPatch, values: str
) -> None:
    (sample / "scimport.toml").write_text(f'[state]\nvalues = "{values}"\n')
    assert "there is no key" in scimport("run", "employees", "--no-prefect").err
    monkeypatch.setenv("SCIMPORT_STATE_KEY", KEY)
    monkeypatch.setenv("EMPLOYEES_CSV", "sample_data/employees.csv")
    first = scimport("run", "--all", "--no-prefect", "--json").json["runs"]
    assert [run["accepted"] for run in first] == [120, 296]
    assert b"Torstra" not in (sample / ".scimport" / "state.db").read_bytes()
    assert scimport("run", "employees", "--no-prefect", "--json").json["calls"] == 0
    monkeypatch.setenv("EMPLOYEES_CSV", "sample_data/day2/employees.csv")
    monkeypatch.setenv("CONTRACTORS_DB", "sample_data/day2/contractors.db")
    second = scimport("run", "--all", "--no-prefect", "--json").json["runs"]
    # The same as where values are kept; of the contractors, those who are missing are sent minimal.
    assert [(run["joiners"], run["movers"], run["leavers"]) for run in second] == [(3, 4, 4), (5, 8, 6)]
    shown = scimport("trace", "00107", "--show-values", "--json").json
    assert ("digest:" in str(shown)) is (values == "digest")
    assert b"Torstra" not in (sample / ".scimport" / "state.db").read_bytes()


def test_values_come_and_go(sample: Path, scimport: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = scimport("run", "employees", "--no-prefect", "--json").json
    key = scimport("rekey", "--new-key").out.strip()
    assert scimport("rekey", "--new-key", "--json").json["key"] != key
    (sample / "scimport.toml").write_text('[state]\nvalues = "encrypt"\n')
    monkeypatch.setenv("SCIMPORT_STATE_KEY", key)
    refused = scimport("run", "employees", "--no-prefect")
    assert (refused.code, "state-values" in refused.err) == (1, True)
    assert scimport("rekey", "--json").json["after"] == "encrypt"
    again = scimport("run", "employees", "--no-prefect", "--json").json
    assert (again["unchanged"], again["calls"]) == (ran["joiners"], 0)
    (sample / "scimport.toml").write_text(f'[state]\nvalues = "encrypt"\nkey = "{key}"\n')
    assert "no place for a key" in scimport("check").out


def test_check_warns_of_leavers_that_would_be_cleared(sample: Path, scimport: Command) -> None:
    (sample / "scimport.toml").write_text('[state]\nvalues = "digest"\n')
    mapping = sample / "mappings" / "contractors.yml"
    mapping.write_text("clear: [title]\n" + mapping.read_text())
    checked = scimport("check", "contractors")
    assert (checked.code, "warning minimal-leavers" in checked.out) == (0, True)
