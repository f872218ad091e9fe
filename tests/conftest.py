"""What all tests share: real databases, each test in one of its own; and which worker runs what."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from tests.sites import Site
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

from scimport.apps import delivery
from scimport.sandbox import Sandbox, run_sandbox
from scimport.sandbox.settings import Settings

POSTGRESQL = os.environ.get("SCIMPORT_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/test")
MARIADB = os.environ.get("SCIMPORT_TEST_MARIADB", "mysql+pymysql://root:@127.0.0.1:3306/test")

# A machine with much else to do is no bug.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_FLOWS = "tests/flows/"
_DEMO = "tests/flows/test_demo.py"


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # as above
    """A file's tests run in one worker; so do all that share the Prefect server of ``tests/flows``."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _FLOWS if file.startswith(_FLOWS) and file != _DEMO else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Give files to workers in the order of the collection."""
    config.option.loadscopereorder = False
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no worker waits for it at the end."""

    def turn(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        return 0 if file.startswith(_FLOWS) else 1 if file.count("/") == 1 else 2

    items.sort(key=turn)


@contextmanager
def database_of_its_own(url: str) -> Iterator[str]:
    """A new database on a server; the test is skipped where none answers."""
    name = f"scimport_{uuid.uuid4().hex[:12]}"
    server = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        connection = server.connect()
    except OperationalError as error:
        if os.environ.get("SCIMPORT_REQUIRE_DATABASES"):
            raise
        pytest.skip(
            f"no server answers at {server.url.render_as_string(hide_password=True)}: {type(error).__name__}"
        )
    with connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield server.url.set(database=name).render_as_string(hide_password=False)
        finally:
            force = " WITH (FORCE)" if server.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP DATABASE {name}{force}"))
    server.dispose()


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL database of the test's own."""
    with database_of_its_own(POSTGRESQL) as url:
        yield url


@pytest.fixture
def mariadb_url() -> Iterator[str]:
    """A MariaDB database of the test's own."""
    with database_of_its_own(MARIADB) as url:
        yield url


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of the test's own, that takes any number of calls a day."""
    with run_sandbox(tmp_path / "sandbox", settings=Settings(daily_calls=0)) as sandbox:
        yield sandbox


@pytest.fixture
def site(tmp_path: Path, sandbox: Sandbox) -> Site:
    """A project that delivers to it."""
    (tmp_path / "project").mkdir()
    site = Site(tmp_path / "project", sandbox.base_url)
    site.pipeline("staff")
    return site


class _Unlimited(Settings):
    log_calls: int = 0


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries rest a tenth of the time before they try again."""
    pause = delivery._pause
    monkeypatch.setattr(delivery, "_pause", lambda *arguments: pause(*arguments) / 10)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sandboxes that are started here count no reads of their log, and nobody waits for a turn."""
    monkeypatch.setattr("scimport.sandbox.tenant.Settings", _Unlimited)
    for module in ("confirm", "doctor"):
        monkeypatch.setattr(f"scimport.{module}.TURN", 0.0)
