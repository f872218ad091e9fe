from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scimport.state import Database


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new state database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(state_url: str) -> Iterator[Database]:
    database = Database(state_url)
    yield database
    database.close()
