"""``scimport init``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import scimport
from scimport.cli import options
from scimport.cli.output import Output
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.inspection.inspection import Inspection

_PARTS = ("pipelines", "sources", "mappings", "sample_data", ".env.example")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Folder to make; it may be there if it is empty."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Make the project for this file, or URL, of people."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="COLUMN", help="With --from: the column that names a person."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make a new project folder: like the sample, or for a file of your own."""
    output = Output(as_json=as_json)
    if file is None:
        if folder is None or key is not None:
            what = "--key goes with --from only" if key is not None else "the folder is missing"
            raise UsageError(
                Problem(Code.BAD_VALUE, what, hint="Write scimport init DIR, or init --from FILE.")
            )
        _make(folder)
        _copy_sample(folder)
        output.say(f"{folder} is ready. Try: cd {folder} && scimport check && scimport run --all")
    else:
        folder = _from_file(file, folder, key, output)
    output.json({"project": str(folder.absolute())})


def _copy_sample(folder: Path) -> None:
    for part in _PARTS:
        origin = _sample() / part
        if origin.is_dir():
            shutil.copytree(
                origin, folder / part, ignore=shutil.ignore_patterns("__pycache__", "generate.py", "demo.py")
            )
        else:
            shutil.copyfile(origin, folder / part)
    (folder / ".gitignore").write_text(".env\n.scimport/\n", encoding="utf-8")


def _from_file(file: str, folder: Path | None, key: str | None, output: Output) -> Path:
    """Make a project for a file: what it found is printed, and what it could not decide."""
    from scimport.inspection.inspection import about_key, inspected  # noqa: PLC0415 - not needed for --help
    from scimport.inspection.proposal import mapping_file, pipeline_file, source_file  # noqa: PLC0415
    from scimport.sources.files import find_files  # noqa: PLC0415

    (data,) = find_files(file, Path.cwd(), {})[-1:]
    name = _name(data.shown)
    folder = folder or Path(name)
    found = inspected(data)
    chosen = _key(found, key)
    _make(folder)
    path = file if "://" in file else _copied(Path.cwd() / data.shown, folder)
    files = {
        "sources": source_file(found, path, chosen),
        "mappings": mapping_file(found, chosen),
        "pipelines": pipeline_file(name),
    }
    for part, text in files.items():
        (folder / part).mkdir()
        (folder / part / f"{name}.yml").write_text(text, encoding="utf-8")
    # The file holds people: it stays out of git.
    (folder / ".gitignore").write_text(".env\n.scimport/\nexports/\n", encoding="utf-8")
    output.say(f"{found.file}: {found.table.kind}, {found.count:,} records, {len(found.columns)} columns")
    for line in found.table.evidence:
        output.say(f"  {line}")
    output.say(f"Key: {chosen}: {about_key(found.column(chosen))}")
    for part, text in files.items():
        todo = [line.strip(" #") for line in text.splitlines() if "TODO" in line]
        output.say(f"{folder}/{part}/{name}.yml" + "".join(f"\n  {line}" for line in todo))
    output.say(f"{folder} is ready. Try: cd {folder} && scimport check && scimport preview {name}")
    return folder


def _key(found: Inspection, wanted: str | None) -> str:
    from scimport.project.values import did_you_mean  # noqa: PLC0415 - not needed for --help

    names = [column.name for column in found.columns]
    if wanted in names:
        return str(wanted)
    if wanted is not None:
        message = f"the file has no column '{wanted}'"
        hint = did_you_mean(wanted, names) or f"It has: {', '.join(names[:20])}."
        raise UsageError(Problem(Code.MISSING_COLUMN, message, hint=hint, file=found.file))
    if found.keys:
        return found.keys[0]
    message = "no column names a person: none has a value of its own for every record"
    hint = f"Choose one with --key COLUMN, or export the employee number. There are: {', '.join(names[:20])}."
    raise UsageError(Problem(Code.MISSING_COLUMN, message, hint=hint, file=found.file))


def _copied(origin: Path, folder: Path) -> str:
    """Copy the file into the project, readable by its owner alone; gives its path there."""
    (folder / "exports").mkdir(mode=0o700)
    target = folder / "exports" / origin.name
    shutil.copyfile(origin, target)
    target.chmod(0o600)
    return f"exports/{origin.name}"


def _name(shown: str) -> str:
    """A name for the pipeline, made of the file's."""
    from anyascii import anyascii  # noqa: PLC0415 - its tables are read when they are needed

    stem = re.split(r"[/\\]", shown.rstrip("/"))[-1].split(".")[0]
    return re.sub(r"[^a-z0-9]+", "-", anyascii(stem).lower()).strip("-") or "people"


def _make(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} is there and is not an empty folder"
        raise UsageError(Problem(Code.BAD_VALUE, message, hint="Name a folder that does not exist yet."))
    folder.mkdir(parents=True, exist_ok=True)


def _sample() -> Path:
    """The sample project: in the wheel beside the code, in a checkout at its top."""
    package = Path(scimport.__file__).parent
    return package / "sample" if (package / "sample").is_dir() else package.parents[1]
