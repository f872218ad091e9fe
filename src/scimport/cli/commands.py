"""The table of the commands, and how one of them is loaded without the others."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

COMMANDS: Final = {
    "check": "check",
    "preview": "preview",
    "test": "test",
    "lineage": "lineage",
    "docs": "lineage",
    "plan": "run",
    "run": "run",
    "resume": "run",
    "plans": "plans",
    "show": "plans",
    "approve": "plans",
    "apply": "plans",
    "discard": "plans",
    "confirm": "confirm",
    "retry": "retry",
    "doctor": "doctor",
    "trace": "trace",
    "status": "status",
    "capacity": "capacity",
    "problems": "problems",
    "purge": "purge",
    "rekey": "rekey",
    "serve": "serve",
    "deploy": "serve",
    "sandbox": "serve",
    "schema": "schema",
    "import": "import_",
    "init": "init",
    "inspect": "inspect",
    "app": "app_group",
}
"""The module of this package that registers each command; in the order in which help lists them."""


class Commands(TyperGroup):
    """The commands of the table. Those of a module are built when one of them is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Lazy()


class _Lazy(MutableMapping[str, Any]):
    def __init__(self) -> None:
        self._loaded: dict[str, Any] = dict.fromkeys(COMMANDS)

    def __getitem__(self, name: str) -> Any:
        if self._loaded[name] is None:
            some = typer.Typer()
            import_module(f"scimport.cli.{COMMANDS[name]}").register(some)
            self._loaded |= get_group(some).commands
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)
