"""Opens the state of a project as the project wants it kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scimport.project.values import key_bytes
from scimport.state.database import Database
from scimport.state.vault import Keeping, Values

if TYPE_CHECKING:
    from scimport.project import Project
    from scimport.project.config import StateConfig


def open_state(project: Project) -> Database:
    """Open a project's state; who does so closes it.

    Raises:
        ConfigError: scimport.toml is wrong.
        StateError: It cannot be reached, is newer, is kept otherwise than ``state.values`` says, or is under
            another key.
    """
    state = project.state
    return Database(url_of(state), keeping_of(state))


def url_of(state: StateConfig) -> str:
    """The URL of a state; it may hold a password."""
    return "" if state.url is None else state.url.get_secret_value()


def keeping_of(state: StateConfig) -> Keeping:
    """How a project wants its state kept."""
    keys = (state.key, state.old_key)
    return Keeping(Values(state.values), tuple(key_bytes(key.get_secret_value()) for key in keys if key))
