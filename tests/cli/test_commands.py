from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.cli.conftest import Command

from scimport.cli.commands import COMMANDS
from scimport.stages import PipelineRun

COUNTS = {
    "read",
    "out_of_scope",
    "invalid",
    "unchanged",
    "joiners",
    "movers",
    "leavers",
    "accepted",
    "rejected",
}
PROMISED = {"pipeline", "run_id", "plan_id", "calls", "throttled", "seconds", "problems_file"} | COUNTS


def _source(folder: Path, **keys: Any) -> Path:
    """Change keys of the employees' source; returns the path of its CSV file."""
    path = folder / "sources" / "employees.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | keys))
    return folder / "sample_data" / "employees.csv"


def test_two_days_of_the_sample(sample: Path, scimport: Command) -> None:
    assert scimport("check").code == 0
    first = scimport("run", "--all", "--no-prefect", "--json")
    assert first.code == 0
    runs = {one["pipeline"]: one for one in first.json["runs"]}
    assert {name: (one["joiners"], one["accepted"]) for name, one in runs.items()} == {
        "contractors": (120, 120),
        "employees": (296, 296),
    }
    assert all(set(one) >= PROMISED for one in runs.values())
    again = scimport("run", "employees", "--no-prefect", "--json")
    assert (again.json["calls"], again.json["unchanged"]) == (0, 296)
    for file in ("employees.csv", "contractors.db"):
        shutil.copyfile(sample / "sample_data" / "day2" / file, sample / "sample_data" / file)
    second = scimport("run", "--all", "--no-prefect", "--json")
    assert second.code == 4
    runs = {one["pipeline"]: one for one in second.json["runs"]}
    assert (runs["employees"]["invalid"], runs["contractors"]["invalid"]) == (3, 0)
    assert runs["employees"]["calls"] == runs["contractors"]["calls"] == 1
    problems = scimport("problems", runs["employees"]["run_id"], "--json").json
    assert [one["code"] for one in problems] == ["contract-format", "contract-values", "contract-required"]
    assert {one["value"] for one in problems} <= {"", "***"}
    shown = scimport("problems", "employees", "--show-values", "--json").json
    assert "31.02.2019" in {one["value"] for one in shown}
    state = scimport("status", "--json").json["pipelines"]
    assert [(one["pipeline"], one["unfinished"]) for one in state] == [
        ("contractors", None),
        ("employees", None),
    ]


@pytest.mark.usefixtures("sample")
def test_text_says_the_same_on_stdout_and_json_keeps_it_on_stderr(scimport: Command) -> None:
    text = scimport("run", "employees", "--no-prefect")
    assert "joiners" in text.out
    assert text.err == ""
    both = scimport("run", "employees", "--no-prefect", "--json")
    assert "unchanged" in both.err
    assert both.json["pipeline"] == "employees"


def test_plan_sends_nothing_and_writes_the_exact_requests(sample: Path, scimport: Command) -> None:
    folder = sample / "requests"
    planned = scimport("plan", "employees", "--requests", folder, "--json")
    assert planned.code == 0
    assert (planned.json["joiners"], planned.json["to_send"], planned.json["requests"]) == (296, 296, 6)
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"request-0000{n}.json" for n in range(1, 7)]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    requests = [json.loads(file.read_text()) for file in files]
    assert [len(one["Operations"]) for one in requests] == [50, 50, 50, 50, 50, 46]
    operation = requests[0]["Operations"][0]
    assert (operation["method"], operation["path"]) == ("POST", "/Users")
    assert len({one["bulkId"] for request in requests for one in request["Operations"]}) == 296
    assert not (sample / ".scimport" / "sandbox").exists()
    assert scimport("status", "employees", "--json").json["known"] == 0


@pytest.mark.usefixtures("sample")
def test_options_of_run(scimport: Command) -> None:
    limited = scimport("run", "employees", "--no-prefect", "--limit", 60, "--json").json
    assert (limited["accepted"], limited["held_back"], limited["calls"]) == (60, 236, 2)
    one = scimport("run", "employees", "--no-prefect", "--key", "00107", "--key", "00103", "--json").json
    assert (one["read"], one["unchanged"]) == (2, 2)
    everybody = scimport("run", "employees", "--no-prefect", "--full", "--json").json
    assert everybody["accepted"] == 296


@pytest.mark.usefixtures("sample")
def test_preview_shows_the_row_beside_the_user(scimport: Command) -> None:
    by_key = scimport("preview", "employees", "--key", "00107", "--json").json
    assert by_key["user"]["externalId"] == by_key["row"]["WorkerID"] == "00107"
    assert by_key["in_scope"] is True
    assert by_key["place"] == "sample_data/employees.csv:4"
    assert by_key == scimport("preview", "employees", "--row", 3, "--json").json
    text = scimport("preview", "employees", "--row", 3).out
    assert "WorkerID" in text
    assert "name.givenName" in text
    assert scimport("preview", "contractors", "--json").json["user"]["active"] is True
    missing = scimport("preview", "employees", "--key", "nobody")
    assert missing.code == 2
    assert "unknown-record" in missing.err
    assert scimport("preview", "employees", "--key", "a", "--row", 1).code == 2


def test_preview_says_what_is_wrong(sample: Path, scimport: Command) -> None:
    shutil.copyfile(
        sample / "sample_data" / "day2" / "employees.csv", sample / "sample_data" / "employees.csv"
    )
    shown = scimport("preview", "employees", "--key", "00520", "--json")
    assert shown.code == 4
    assert [one["code"] for one in shown.json["problems"]] == ["contract-format"]


def test_check_finds_what_is_wrong_and_where(sample: Path, scimport: Command) -> None:
    path = sample / "mappings" / "employees.yml"
    path.write_text(path.read_text().replace("userType:", "userTyp:"))
    found = scimport("check", "--json")
    assert found.code == 2
    (problem,) = [one for one in found.json if one["code"] == "unknown-attribute"]
    assert problem["file"] == "mappings/employees.yml"
    assert "userType" in problem["hint"]
    assert path.read_text().splitlines()[problem["line"] - 1].strip().startswith("userTyp:")
    assert scimport("check", "contractors").code == 0
    assert scimport("check", "contractor").code == 2


def test_check_goes_on_without_the_data(sample: Path, scimport: Command) -> None:
    (sample / "sample_data" / "employees.csv").unlink()
    found = scimport("check", "employees", "--json")
    assert found.code == 0
    assert [(one["code"], one["severity"]) for one in found.json] == [("source-not-found", "warning")]


def test_schema_writes_what_the_files_name(sample: Path, scimport: Command) -> None:
    written = scimport("schema", "--json").json["written"]
    assert len(written) == 5
    first_line = (sample / "pipelines" / "employees.yml").read_text().splitlines()[0]
    named = first_line.partition("$schema=")[2]
    assert (sample / "pipelines" / named).resolve() in {Path(one).resolve() for one in written}


@pytest.mark.usefixtures("sample")
def test_names_and_all_are_asked_for_clearly(scimport: Command) -> None:
    for arguments in ((), ("employees", "--all"), ("--all", "--key", "1"), ("employee",)):
        wrong = scimport("run", "--no-prefect", *arguments)
        assert wrong.code == 2, arguments
        assert wrong.out == ""
    as_json = scimport("run", "employee", "--no-prefect", "--json")
    assert as_json.json["error"][0]["code"] == "missing-reference"
    assert "employees" in as_json.json["error"][0]["hint"]
    assert scimport("problems", "r-nothing").code == 2
    nothing = scimport("resume", "--json")
    assert (nothing.code, nothing.json) == (0, {"runs": []})


def test_a_folder_is_found_upwards_or_named(
    sample: Path, scimport: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample / "sample_data" / "day2")
    assert scimport("check").code == 0
    monkeypatch.chdir(sample.parent)
    lost = scimport("check")
    assert lost.code == 2
    assert "project-not-found" in lost.err
    assert scimport("--project", sample, "check").code == 0
    assert scimport("init", sample).code == 2


def test_one_failure_does_not_keep_the_others_from_loading(sample: Path, scimport: Command) -> None:
    (sample / "sample_data" / "contractors.db").unlink()
    result = scimport("run", "--all", "--no-prefect", "--json")
    assert result.code == 1
    broken, loaded = result.json["runs"]
    assert broken["error"][0]["code"] in {"source-not-found", "database-unreachable"}
    assert loaded["accepted"] == 296


_HEADER = b"WorkerID,FirstName\n"
_BAD_FILES = {
    "empty": (b"", "source-empty"),
    "header only": (None, "too-few-rows"),
    "encoding": ("utf-16", "source-encoding"),
    "delimiter": (b";", "source-delimiter"),
    "renamed key": ((b"WorkerID", b"Worker"), "missing-column"),
    "renamed column": ((b"HireDate", b"Hired"), "renamed-column"),
    "NUL": ((b"Quality", b"Qua\0lity"), "nul-byte"),
    "large cell": ((b"Quality", b"Q" * 1_000_000), "cell-too-large"),
    "unclosed quote": ((b'"Director, Quality"', b'"Director, Quality'), "source-syntax"),
    "ragged": ((b"\n00105", b",too many\n00105"), "ragged-row"),
}


def _spoilt(good: bytes, how: Any) -> bytes:
    if isinstance(how, tuple):
        return good.replace(how[0], how[1], 1)
    if how is None:
        return good.split(b"\n", 1)[0] + b"\n"
    if isinstance(how, str):
        return good.decode().encode(how)
    return how if how == b"" else good.replace(b",", how)


@pytest.mark.parametrize("name", _BAD_FILES)
def test_bad_files_are_one_problem_and_send_nothing(sample: Path, scimport: Command, name: str) -> None:
    how, code = _BAD_FILES[name]
    path = sample / "sample_data" / "employees.csv"
    path.write_bytes(_spoilt(path.read_bytes(), how))
    result = scimport("run", "employees", "--no-prefect", "--json")
    assert result.code == 1, result
    assert [one["code"] for one in result.json["error"]] == [code]
    assert result.json["error"][0]["hint"]
    assert scimport("status", "employees", "--json").json["known"] == 0


def test_ten_thousand_columns_are_read(sample: Path, scimport: Command) -> None:
    path = _source(sample)
    lines = path.read_text().replace('"', "").splitlines()
    cells = [line for line in lines[:4] if line.count(",") == lines[0].count(",")]
    more = "".join(f",extra{n}" for n in range(10_000))
    path.write_text("\n".join([cells[0] + more, *(line + "," * 10_000 for line in cells[1:])]) + "\n")
    assert scimport("run", "employees", "--no-prefect", "--json").json["read"] == len(cells) - 1


def test_compressed_files_are_read(sample: Path, scimport: Command) -> None:
    path = _source(sample, path="sample_data/employees.csv.gz")
    with gzip.open(f"{path}.gz", "wb") as file:
        file.write(path.read_bytes())
    assert scimport("run", "employees", "--no-prefect", "--json").json["accepted"] == 296


def test_databases_that_fail(sample: Path, scimport: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample / "sources" / "contractors.yml"
    good = yaml.safe_load(path.read_text())
    wrong = {
        "database-unreachable": {"url": "postgresql+psycopg://root:hidden-word@127.0.0.1:1/nothing"},
        "query-failed": {"query": "SELECT nonsense FROM nowhere", "params": {}},
    }
    for code, keys in wrong.items():
        path.write_text(yaml.safe_dump(good | keys))
        result = scimport("run", "contractors", "--no-prefect", "--json")
        assert result.code == 1
        assert [one["code"] for one in result.json["error"]] == [code]
        assert "hidden-word" not in result.out + result.err
    monkeypatch.setenv("SCIMPORT_STATE_URL", "postgresql+psycopg://root:hidden-word@127.0.0.1:1/nothing")
    result = scimport("run", "employees", "--no-prefect", "--json")
    assert result.code == 1
    assert [one["code"] for one in result.json["error"]] == ["state-unreachable"]
    assert "hidden-word" not in result.out + result.err


class _Html(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<html><head><title>Forbidden by the proxy</title></head></html>"
        self.send_response(403)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def html_server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Html) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _endpoint(folder: Path, url: str, **keys: Any) -> None:
    path = folder / "pipelines" / "employees.yml"
    pipeline = yaml.safe_load(path.read_text())
    pipeline["app"] |= {"endpoint": url, "auth": "none"} | keys
    path.write_text(yaml.safe_dump(pipeline))


def test_endpoints_that_fail(
    sample: Path, scimport: Command, html_server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scimport.apps.delivery.time.sleep", lambda _: None, raising=False)
    port = html_server.server_port
    _endpoint(sample, f"http://127.0.0.1:{port}/upload")
    result = scimport("run", "employees", "--no-prefect", "--limit", 1, "--json")
    assert (result.code, result.json["error"][0]["code"]) == (1, "permission-missing")
    assert "<html" not in result.out
    assert "Forbidden by the proxy" in result.json["error"][0]["message"]
    _endpoint(sample, "http://example.org/upload")
    assert scimport("check", "employees", "--json").json[0]["code"] == "unsafe-endpoint"
    assert scimport("run", "employees", "--no-prefect").code == 2


@pytest.mark.parametrize(("key", "value"), [("limits", "none"), ("gzip", True)])
def test_what_is_not_for_microsoft_graph(sample: Path, scimport: Command, key: str, value: object) -> None:
    _endpoint(sample, "https://scim.example/Bulk", **{key: value})
    assert scimport("check", "employees").code == 0
    _endpoint(sample, "https://graph.microsoft.com")
    (problem,) = scimport("check", "employees", "--json").json
    assert (problem["code"], problem["field"]) == ("bad-value", f"app.{key}")


def test_a_certificate_that_does_not_verify_is_not_passed_over(
    sample: Path, scimport: Command, tmp_path: Path
) -> None:
    certificate, key = _self_signed(tmp_path)
    with HTTPServer(("127.0.0.1", 0), _Html) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        _endpoint(sample, f"https://127.0.0.1:{server.server_port}/upload")
        result = scimport("run", "employees", "--no-prefect", "--limit", 1, "--json")
        server.shutdown()
        thread.join()
    assert (result.code, result.json["error"][0]["code"]) == (1, "certificate")
    assert scimport("status", "employees", "--json").json["unfinished"]


def _self_signed(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        *names,
    ]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


SERVERS = ("prefect", "pandas", "starlette", "uvicorn", "azure", "fastapi")
STATE = ("sqlalchemy", "alembic", "cryptography")
SELDOM = ("httpx", "http.client", "jsonschema", "babel", "phonenumbers", "scimport.sandbox.server")
OTHERS = ("scimport.cli.run", "scimport.cli.app_changes")


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], (*SERVERS, *STATE, *SELDOM)),
        (["check"], (*SERVERS, *STATE, *SELDOM, *OTHERS, "rich", "jsonschema_rs")),
        (["test"], (*SERVERS, *STATE, *SELDOM, *OTHERS, "rich")),
        (["preview", "employees"], (*SERVERS, *STATE, *SELDOM, *OTHERS)),
        (["plan", "employees"], SERVERS),
    ],
)
def test_commands_load_what_they_need_alone(arguments: list[str], heavy: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.argv = ['scimport', *{arguments}]\n"
        "from scimport.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        f"heavy = set({heavy}) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr


def test_the_table_of_commands_is_that_of_their_modules() -> None:
    for module in dict.fromkeys(COMMANDS.values()):
        some = typer.Typer()
        import_module(f"scimport.cli.{module}").register(some)
        listed = [name for name, owner in COMMANDS.items() if owner == module]
        assert list(typer.main.get_group(some).commands) == listed


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("command", [("run", "employees", "--no-prefect"), ("plan", "employees")])
def test_a_stop_while_the_source_is_read_leaves_a_message_and_the_document(
    scimport: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def stopped(_: object) -> bool:
        signal.raise_signal(signal.SIGTERM)
        return True

    monkeypatch.setattr(PipelineRun, "extract", stopped)
    result = scimport(*command, "--json")
    assert result.code == 1
    assert [one["code"] for one in result.json["error"]] == ["interrupted"]
    assert "interrupted" in result.err
