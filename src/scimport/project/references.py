"""Whether what one file of the project names in another place is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from scimport.codes import Code
from scimport.errors import ConfigError
from scimport.model import Problem
from scimport.project.document import Document, KeyPath
from scimport.project.environment import Resolved
from scimport.project.source_config import query_file
from scimport.project.values import did_you_mean

SUFFIXES = (".yml", ".yaml")


def names_in(folder: Path) -> tuple[str, ...]:
    """List the YAML files of a folder, which need not be there, by their names without suffix, sorted.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        files = [file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file()]
    except FileNotFoundError:
        return ()
    except OSError as error:
        message = f"the folder cannot be read: {error.strerror}"
        raise ConfigError(Problem(Code.FILE_NOT_FOUND, message, file=folder.name)) from None
    return tuple(sorted({file.stem for file in files if not file.name.startswith(".")}))


def there_are(folder: str, name: str, names: Collection[str]) -> str:
    """Say in a hint what could have been meant by a name that is not in a folder."""
    listed = (
        f"In {folder}/ there is: {', '.join(sorted(names)[:10])}."
        if names
        else f"The folder {folder}/ is empty."
    )
    stem = name.removeprefix(f"{folder}/").removesuffix(".yml").removesuffix(".yaml")
    return f"Did you mean '{stem}'?" if stem in names else did_you_mean(name, names) or listed


def missing_file(
    document: Document, path: KeyPath, name: object, root: Path, folder: str
) -> Iterator[Problem]:
    """Check a name of a YAML file in ``root/folder``; what is no name is left to the model."""
    names = names_in(root / folder)
    if isinstance(name, str) and name and name not in names:
        message = f"'{path[-1]}' names {name}, and there is no {folder}/{name}.yml"
        yield document.problem(Code.MISSING_REFERENCE, path, message, there_are(folder, name, names))


def missing_schemas(document: Document, root: Path) -> Iterator[Problem]:
    """Check that the files which a mapping's ``schemas`` names are in mappings/schemas/."""
    folder = root / "mappings" / "schemas"
    named = document.data.get("schemas")
    for index, name in enumerate(named if isinstance(named, list) else []):
        if isinstance(name, str) and name and not (folder / name).is_file():
            message = f"'schemas' names {name}, and there is no mappings/schemas/{name}"
            hint = there_are("mappings/schemas", name, [file.name for file in folder.glob("*.json")])
            yield document.problem(Code.MISSING_REFERENCE, ("schemas", index), message, hint)


def missing_query(document: Document, resolved: Resolved) -> Iterator[Problem]:
    """Check that the .sql file which a source's ``query`` names is beside the source's file."""
    query = resolved.data.get("query")
    name = query_file(query) if isinstance(query, str) else None
    folder = document.path.parent
    if name is not None and not (folder / name).is_file():
        message = f"'query' names {name}, and there is no {folder.name}/{name}"
        hint = there_are(folder.name, name, [file.name for file in folder.glob("*.sql")])
        yield document.problem(Code.MISSING_REFERENCE, ("query",), message, hint)
