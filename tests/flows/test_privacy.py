"""Nobody's values and no secret are in anything that a project's life leaves behind but its own files.

One life of the sample project, as flows: day one, day two, a source that fails, a crash whose error quotes a
person, a guard's stop, an approval, the log read. Everything logs at DEBUG.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.blocks.system import Secret
from prefect.variables import Variable
from pydantic import SecretStr
from tests.flows.conftest import Served

from scimport.cli import main
from scimport.flows.server import _send_the_rest
from scimport.sandbox import run_sandbox
from scimport.stages import PipelineRun

TOKEN = "sesame-open-9f3b1c7e5d"
PASSWORD = "Birnbaum-77-Xylofon"
STATE_KEY = "dGhpcyBpcyBhbiBleGFtcGxlLCBub3QgYSBzZWNyZXQ="
SECRETS = (TOKEN, PASSWORD, STATE_KEY)
NAME = "Müller-Lüdenscheidt"

_WORD = re.compile(rb"[A-Za-z\x80-\xff]{4,}")
_MAIL = re.compile(rb"[\w.+-]{3,}@[a-z-]+\.example")
_PHONE = re.compile(rb"\+\d\d[ \d]{8,}\d")
_OURS = Path(__file__).parents[2]


class People:
    """Values of the sample people, in the forms in which they may turn up."""

    def __init__(self, sample: Path) -> None:
        columns: dict[str, set[str]] = {}
        for file in (sample / "employees.csv", sample / "day2" / "employees.csv"):
            with file.open(encoding="utf-8", newline="") as opened:
                for row in csv.DictReader(opened):
                    for name, value in row.items():
                        columns.setdefault(name, set()).add(value)
        with closing(sqlite3.connect(sample / "contractors.db")) as database:
            for first, last, mail, phone in database.execute(
                "SELECT first_name, last_name, email, phone FROM contractors"
            ):
                columns["FirstName"].add(first)
                columns["LastName"].add(last)
                columns["Email"].add(mail or "")
                columns["Phone"].add(phone or "")
        self.names = _forms(columns["FirstName"] | columns["LastName"])
        self.exact = _forms(columns["Street"] | columns["Email"] | columns["Phone"] | columns["Mobile"])
        self.exact = {value for value in self.exact if len(value) > 7}

    def without(self, text: bytes) -> None:
        """Leave out names that are words of something else, too."""
        self.names -= set(_WORD.findall(text))

    def found(self, text: bytes) -> set[bytes]:
        """What of people, or of secrets, is in a text."""
        streets = {value for value in self.exact if b"@" not in value and not value.startswith(b"+")}
        # A name that JSON has escaped is no word.
        streets |= {name for name in self.names if b"\\u" in name}
        return {
            *(self.names & set(_WORD.findall(text))),
            *(self.exact & {*_MAIL.findall(text), *_PHONE.findall(text)}),
            *(street for street in streets if street in text),
            *(secret.encode() for secret in SECRETS if secret.encode() in text),
        }


def _forms(values: set[str]) -> set[bytes]:
    """Values as UTF-8, and as JSON writes them."""
    return {
        form
        for value in values
        if len(value) >= 4
        for form in (value.encode(), json.dumps(value)[1:-1].encode())
    }


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that this process logs, at DEBUG, whatever Prefect does to the handlers."""
    written = io.StringIO()
    sink, hand_on = logging.StreamHandler(written), logging.Logger.callHandlers

    def call(self: logging.Logger, record: logging.LogRecord) -> None:
        sink.handle(record)
        hand_on(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", call)
    names = ("httpx", "httpcore", "sqlalchemy", "prefect", "scimport", "azure", "msal", "urllib3", "asyncio")
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for one, _ in before:
        one.setLevel(logging.DEBUG)
    yield written
    for one, level in before:
        one.setLevel(level)


def _files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path.name != ".gitignore":
                yield str(path), path.read_bytes()


@pytest.mark.usefixtures("api")
def test_no_person_and_no_secret_is_anywhere(
    served: Served,
    postgresql_url: str,
    tmp_path: Path,
    log: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scimport(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["scimport", *arguments])
        before = signal.getsignal(signal.SIGTERM)
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            signal.signal(signal.SIGTERM, before)
        out, err = capfd.readouterr()
        printed.append(out + err)
        return code or 0, out

    printed: list[str] = []
    people = People(_OURS / "sample_data")
    homes = (served.project.root / ".scimport" / "prefect", Path(os.environ["PREFECT_HOME"]))
    for _, text in _files(*homes):
        people.without(text)
    for path in (_OURS / "src" / "scimport").rglob("*.py"):
        people.without(path.read_bytes())
    assert len(people.names) > 200
    assert len(people.exact) > 500

    monkeypatch.setenv("PREFECT_API_URL", served.url)
    monkeypatch.setenv("SCIMPORT_STATE_KEY", STATE_KEY)
    monkeypatch.setenv("SCIMPORT_STATE_URL", postgresql_url.replace("root@", f"root:{PASSWORD}@"))
    Secret(value=SecretStr(TOKEN)).save("employees-token", overwrite=True)
    with run_sandbox(tmp_path / "sandbox") as sandbox:
        assert scimport("init", str(tmp_path / "project"))[0] == 0
        monkeypatch.chdir(tmp_path / "project")
        _aim(Path(), sandbox.base_url)
        _live(scimport, Path(), monkeypatch)
    _send_the_rest()

    for logger in ("HTTP Request: POST", "receive_response_headers", "INSERT INTO person", "flow run"):
        assert logger in log.getvalue(), logger
    places = [("log", log.getvalue().encode()), ("terminal", "".join(printed).encode()), *_files(*homes)]
    assert {name: found for name, text in places if (found := people.found(text))} == {}

    # It would have been seen.
    street = "Torstraße 140"
    assert people.found(json.dumps({"name": NAME}).encode())
    assert people.found(f"{NAME} {TOKEN}".encode()) > {TOKEN.encode()}
    Variable.set("planted", f"Here lives {street}")
    logging.getLogger("httpx").debug("%s is at the door", street)
    assert any(people.found(text) for _, text in _files(*homes))
    assert people.found(log.getvalue().encode())


def _aim(root: Path, sandbox: str) -> None:
    """Have the pipelines deliver to a sandbox with a token."""
    (root / "scimport.toml").write_text('[state]\nvalues = "encrypt"\n[retention]\nruns = "30d"\n')
    for name in ("employees", "contractors"):
        path = root / "pipelines" / f"{name}.yml"
        target = "on-premises-ad" if name == "employees" else "entra-id"
        app = httpx.post(f"{sandbox}/sandbox/apps", json={"name": name, "target": target}).json()
        auth = "auth: {kind: token, token: '${prefect:employees-token}'}\n  trusted_hosts: [127.0.0.1]"
        text = path.read_text().replace("endpoint: sandbox", f"endpoint: {app['endpoint']}")
        path.write_text(text.replace("auth: none", auth).replace("leavers: report", "leavers: deactivate"))


def _live(scimport: Callable[..., tuple[int, str]], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Day one, day two, and what goes wrong."""
    assert scimport("check")[0] == 0
    assert scimport("run", "--all")[0] == 0
    monkeypatch.setenv("EMPLOYEES_CSV", "sample_data/day2/employees.csv")
    monkeypatch.setenv("CONTRACTORS_DB", "sample_data/day2/contractors.db")
    assert scimport("plan", "employees")[0] == 4
    assert scimport("run", "--all")[0] == 4
    for command in (("problems", "employees"), ("status",), ("trace", "00107"), ("confirm",)):
        scimport(*command)
    rows = (root / "sample_data" / "day2" / "employees.csv").read_text("utf-8").splitlines()
    half = root / "half.csv"
    monkeypatch.setenv("EMPLOYEES_CSV", "half.csv")
    half.write_text("\n".join([*rows[:100], rows[100] + ",Torstraße 140"]), "utf-8")
    assert scimport("run", "employees")[0] == 1
    half.write_text("\n".join(rows[:100]), "utf-8")
    assert scimport("run", "employees")[0] == 3
    plan_id = json.loads(scimport("plans", "employees", "--json")[1])["plans"][0]["id"]
    assert scimport("show", plan_id)[0] == 0
    assert scimport("approve", plan_id, "--reason", "It is meant so.")[0] == 0
    assert scimport("apply", plan_id)[0] in (0, 4)

    def crash(_self: PipelineRun) -> None:
        raise KeyError(NAME, TOKEN)  # a traceback shows this line

    monkeypatch.setattr(PipelineRun, "plan", crash)
    with pytest.raises(KeyError):
        scimport("run", "contractors", "--full")
