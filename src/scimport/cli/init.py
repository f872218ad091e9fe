"""``scimport init``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

import scimport
from scimport.cli import options
from scimport.cli.output import Output
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

_PARTS = ("pipelines", "sources", "mappings", "sample_data", ".env.example")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to make; it may be there if it is empty.")
    ],
    as_json: options.Json = False,
) -> None:
    """Make a new project folder like the sample: two pipelines that run against the sandbox."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} is there and is not an empty folder"
        raise UsageError(Problem(Code.BAD_VALUE, message, hint="Name a folder that does not exist yet."))
    folder.mkdir(parents=True, exist_ok=True)
    for part in _PARTS:
        origin = _sample() / part
        if origin.is_dir():
            shutil.copytree(
                origin, folder / part, ignore=shutil.ignore_patterns("__pycache__", "generate.py", "demo.py")
            )
        else:
            shutil.copyfile(origin, folder / part)
    (folder / ".gitignore").write_text(".env\n.scimport/\n", encoding="utf-8")
    output = Output(as_json=as_json)
    output.say(f"{folder} is ready. Try: cd {folder} && scimport check && scimport run --all")
    output.json({"project": str(folder.absolute())})


def _sample() -> Path:
    """The sample project: in the wheel beside the code, in a checkout at its top."""
    package = Path(scimport.__file__).parent
    return package / "sample" if (package / "sample").is_dir() else package.parents[1]
