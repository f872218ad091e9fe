"""Finding the files of a source, near or remote, and opening them as plain bytes."""

from __future__ import annotations

import bz2
import difflib
import glob
import gzip
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from scimport.codes import Code
from scimport.errors import SourceError
from scimport.model import Problem

_LOCAL_ERRORS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a source.

    Attributes:
        shown: Its name in problems: relative to the project folder, or a URL without anything secret.
        open_bytes: Opens it as it is stored.
        errors: What opening and reading it may raise; remote files have errors of their drivers.
        scrub: Takes what is secret out of a driver's message.
    """

    shown: str
    open_bytes: Callable[[], BinaryIO] = field(repr=False)
    errors: tuple[type[Exception], ...] = _LOCAL_ERRORS
    scrub: Callable[[str], str] = field(default=str, repr=False)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the file, unpacked as its suffix says (.gz, .bz2, .xz, .zip).

        Raises:
            SourceError: It cannot be opened, or it was written to while it was read to its end. Errors of
                reading it are of the classes in ``errors``.
        """
        with ExitStack() as exits:
            try:
                stored = exits.enter_context(self.open_bytes())
                stream = self._unpacked(stored, exits)
            except SourceError:
                raise
            except self.errors as error:
                raise SourceError(self.unreadable(error)) from None
            before = _version(stored)
            yield stream
            if _version(stored) != before:
                message, hint = "the file was changed while it was read", "Run again when it is complete."
                raise SourceError(Problem(Code.SOURCE_CHANGED, message, hint=hint, file=self.shown))

    def unreadable(self, error: Exception) -> Problem:
        """Put an error of opening or reading the file into words."""
        code, hint = Code.SOURCE_UNREADABLE, ""
        if isinstance(error, FileNotFoundError):
            code, reason, hint = Code.SOURCE_NOT_FOUND, "the file is not there", "Compare path: with it."
        elif isinstance(error, _DAMAGED):
            reason = "the compressed file is damaged or incomplete, or not of the kind that its name says"
            hint = "Export or copy it again."
        elif isinstance(error, PermissionError):
            reason, hint = "no permission to read the file", "Let the user that runs scimport read it."
        else:
            words = getattr(error, "strerror", None) or self.scrub(str(error)) or type(error).__name__
            reason = f"the file cannot be read: {' '.join(str(words).split())[:300]}"
        return Problem(code, reason, hint=hint, file=self.shown)

    def _unpacked(self, stored: BinaryIO, exits: ExitStack) -> BinaryIO:
        # Of URLs chained with ::, the first that has a path names the file; the others say how it is reached.
        name = next((part for part in self.shown.lower().split("::") if "://" in part), self.shown.lower())
        for suffix, unpack in _UNPACK.items():
            if name.endswith(suffix):
                return cast("BinaryIO", exits.enter_context(unpack(stored)))
        if not name.endswith(".zip"):
            return stored
        archive = exits.enter_context(zipfile.ZipFile(stored))
        return cast("BinaryIO", exits.enter_context(archive.open(self._member(archive))))

    def _member(self, archive: zipfile.ZipFile) -> str:
        names = [
            info.filename
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        tables = [name for name in names if name.lower().endswith(".csv")] or names
        if len(tables) == 1:
            return tables[0]
        message = f"the zip file must hold one CSV file, and it holds {len(tables)}"
        hint = "Pack each file by itself; path: may be a glob that finds them all."
        raise SourceError(Problem(Code.SOURCE_UNREADABLE, message, hint=hint, file=self.shown))


_UNPACK: dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def find_files(
    path: str, root: Path, options: Mapping[str, Any], *, newest: bool = False
) -> tuple[DataFile, ...]:
    """Find the files of a source.

    Args:
        path: A file or a glob (``*``, ``?``, ``[]``, ``**``) relative to ``root``, or a URL for fsspec.
            The name of a file that is there is that file, whatever signs are in it.
        root: The project folder.
        options: For fsspec's file system.
        newest: Whether of a glob only the file that was written last is wanted; of several written at the
            same time, the last by name.

    Returns:
        At least one file, sorted by name.

    Raises:
        SourceError: There is none, or what is there is not a file.
    """
    if "://" in path:
        return _remote(path, options, newest=newest)
    found = _local(path, root.absolute())
    if newest:
        found = [max(found, key=lambda file: (file.stat().st_mtime_ns, file.name))]
    return tuple(DataFile(_relative(file, root), _opener(file)) for file in found)


def not_found(path: Path, root: Path) -> Problem:
    """Make the problem of a file that is not there, with its nearest neighbour as the hint."""
    shown, folder = _relative(path, root), path.parent
    while not folder.is_dir():
        folder, path = folder.parent, folder
    neighbours = sorted(entry.name for entry in folder.iterdir()) if os.access(folder, os.R_OK) else []
    near = difflib.get_close_matches(path.name, neighbours, n=1, cutoff=0.5)
    where = _relative(folder, root)
    hint = f"Did you mean {_relative(folder / near[0], root)}?" if near else f"Look into the folder {where}."
    return Problem(Code.SOURCE_NOT_FOUND, "the file is not there", hint=hint, file=shown)


def without_secrets(url: str) -> str:
    """Take user, password, query and fragment out of a URL, and out of each of URLs chained with ``::``."""
    parts = []
    for part in url.split("::"):
        scheme, separator, rest = part.partition("://")
        rest = rest[len(_user(rest)) :].removeprefix("@")
        parts.append(f"{scheme}{separator}{re.split('[?#]', rest)[0]}")
    return "::".join(parts)


def _user(rest: str) -> str:
    """User and password at the beginning of what follows a URL's ``://``."""
    authority = re.split("[/?#]", rest)[0]
    if "@" in authority:
        return authority.rpartition("@")[0]
    # What should be a port and is none begins a password with signs in it that should have been encoded.
    port = authority.partition(":")[2]
    return "" if port.isdigit() or not port else rest.rpartition("@")[0]


def _local(path: str, root: Path) -> list[Path]:
    target = root / path
    shown = _relative(target, root)
    try:
        if target.is_dir():
            message, hint = "this is a folder, not a file", f"Write path: {shown.rstrip('/')}/*.csv."
            raise SourceError(Problem(Code.SOURCE_UNREADABLE, message, hint=hint, file=shown))
        if target.exists() and not target.is_file():
            # A pipe could be read once only, and a device may never end.
            message = "this is not a regular file"
            raise SourceError(Problem(Code.SOURCE_UNREADABLE, message, file=shown))
        if target.is_file():
            return [target]
        if not glob.has_magic(path):
            raise SourceError(not_found(target, root))
        found = [root / name for name in sorted(glob.glob(path, root_dir=root, recursive=True))]  # noqa: PTH207 - pathlib's takes no absolute patterns
        files = [file for file in found if file.is_file()]
    except OSError as error:
        raise SourceError(DataFile(shown, _opener(target)).unreadable(error)) from None
    if not files:
        message, hint = "no file matches the path", "Compare path: with the names of the files."
        raise SourceError(Problem(Code.SOURCE_NOT_FOUND, message, hint=hint, file=shown))
    return files


def _remote(url: str, options: Mapping[str, Any], *, newest: bool) -> tuple[DataFile, ...]:
    shown, scrub = without_secrets(url), _scrubber(url, options)
    whole = DataFile(shown, _unopened, (Exception,), scrub)
    try:
        import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and files on this machine do not need it

        system, path = fsspec.core.url_to_fs(url, **options)
        # In the query of an http URL these are not the signs of a glob.
        is_glob = glob.has_magic(path) and not urlsplit(url).scheme.startswith("http")
        names = sorted(system.glob(path)) if is_glob else [path]
        if newest and len(names) > 1:
            names = [max(names, key=lambda name: (system.modified(name), name))]
    except ImportError as error:
        message, hint = f"no driver for the URL: {scrub(str(error))}", "Install it with pip, beside scimport."
        raise SourceError(Problem(Code.SOURCE_UNREADABLE, message, hint=hint, file=shown)) from None
    except Exception as error:  # noqa: BLE001 - every file system has errors of its own
        raise SourceError(whole.unreadable(error)) from None
    if not names:
        raise SourceError(Problem(Code.SOURCE_NOT_FOUND, "no file matches the path", file=shown))
    return tuple(
        DataFile(
            without_secrets(system.unstrip_protocol(name)) if is_glob else shown,
            partial(system.open, name, "rb"),
            (Exception,),
            scrub,
        )
        for name in names
    )


@dataclass(frozen=True, slots=True)
class _Scrubber:
    """Takes what is secret out of a driver's message, or the whole message where that is not enough."""

    url: str
    secrets: frozenset[str]

    def __call__(self, message: str) -> str:
        message = message.replace(self.url, without_secrets(self.url))
        return "" if any(secret in message for secret in self.secrets) else message


def _scrubber(url: str, options: Mapping[str, Any]) -> _Scrubber:
    secrets = set(_texts(options))
    for part in url.split("::"):
        rest = part.partition("://")[2]
        user = _user(rest)
        query = re.split("[?#]", rest, maxsplit=1)[1:]
        for secret in (user, user.partition(":")[2], *query, *re.split("[&=#]", "".join(query))):
            secrets |= {secret, unquote(secret)}
    return _Scrubber(url, frozenset(secret for secret in secrets if len(secret) > 3))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return cast("Callable[[], BinaryIO]", partial(path.open, "rb"))


def _unopened() -> BinaryIO:
    raise FileNotFoundError


def _relative(path: Path, root: Path) -> str:
    root = root.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _version(stored: BinaryIO) -> tuple[int, int] | None:
    try:
        state = os.fstat(stored.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return state.st_size, state.st_mtime_ns
