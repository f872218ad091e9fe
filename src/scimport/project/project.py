"""The project folder: where it is, what is in it, and whether its files say something that can be done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from scimport.codes import Code
from scimport.errors import ConfigError, StateError, UsageError
from scimport.model import Problem
from scimport.project.config import (
    MappingConfig,
    PipelineConfig,
    RetentionConfig,
    SettingsConfig,
    StateConfig,
)
from scimport.project.document import Document, load_document, read_text, relative_name
from scimport.project.environment import Blocks, Resolved, no_blocks, read_environment, resolve
from scimport.project.references import (
    SUFFIXES,
    missing_file,
    missing_query,
    missing_schemas,
    names_in,
    there_are,
)
from scimport.project.settings import FILE as SETTINGS_FILE
from scimport.project.settings import load_settings
from scimport.project.source_config import SOURCE_KINDS, AnySourceConfig
from scimport.project.validation import validate
from scimport.project.values import did_you_mean

_RELATIVE_SQLITE = re.compile(
    r"(?P<dialect>sqlite(?:\+[a-z0-9]+)?):///(?!/|:memory:|file:|\?)(?P<path>[^?]+)(?P<rest>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A checked file of pipelines/."""

    name: str
    config: PipelineConfig
    document: Document


@dataclass(frozen=True, slots=True)
class LoadedSource:
    """A checked file of sources/."""

    name: str
    config: AnySourceConfig
    document: Document


@dataclass(frozen=True, slots=True)
class LoadedMapping:
    """A checked file of mappings/, without those that it extends."""

    name: str
    config: MappingConfig
    document: Document


@dataclass(frozen=True, slots=True)
class LoadedSchema:
    """A file of mappings/schemas/: its name relative to the project folder, and its JSON as parsed."""

    file: str
    data: Any = field(repr=False)


def find_project(start: Path) -> Project:
    """Find the project folder: the first one upwards from ``start`` that has a folder ``pipelines``.

    Raises:
        UsageError: There is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "pipelines").is_dir():
            return Project(folder)
    hint = "Change to the project folder, name it with --project DIR, or make one with: scimport init DIR"
    raise UsageError(
        Problem(Code.PROJECT_NOT_FOUND, f"no folder pipelines/ in {start} or above it", hint=hint)
    )


def open_project(folder: Path) -> Project:
    """Take ``folder`` itself as the project folder.

    Raises:
        UsageError: It has no folder ``pipelines``.
    """
    if (folder / "pipelines").is_dir():
        return Project(folder.absolute())
    hint = "Name the folder that holds pipelines/, or make one with: scimport init DIR"
    raise UsageError(Problem(Code.PROJECT_NOT_FOUND, f"no folder pipelines/ in {folder}", hint=hint))


def remembering(project: Project) -> Project:
    """The same project, with each of its files read once: for who looks at them, and ends."""
    found = replace(project)
    for load in ("pipeline", "source", "mapping"):
        object.__setattr__(found, load, cache(getattr(found, load)))
    return found


@dataclass(frozen=True)
class Project:
    """A project folder. Its files are read when they are asked for, and again each time.

    A file that is wrong raises :class:`scimport.errors.ConfigError` with every problem of that file (line,
    dotted path of the key, hint), references to what is not there included; a name that there is no file for
    raises :class:`scimport.errors.UsageError`.
    """

    root: Path
    blocks: Blocks = field(default=no_blocks, repr=False, compare=False)
    """Gives Prefect Secret blocks; whoever has Prefect at hand says how."""

    @cached_property
    def environment(self) -> dict[str, str]:
        """What ``${NAME}`` stands for; read once."""
        return read_environment(self.root)

    @property
    def pipeline_names(self) -> tuple[str, ...]:
        """Names of the YAML files in pipelines/, sorted; a name is the file's without its suffix."""
        return names_in(self.root / "pipelines")

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the YAML files in sources/, sorted."""
        return tuple(name for name in names_in(self.root / "sources") if name != "overrides")

    @property
    def mapping_names(self) -> tuple[str, ...]:
        """Names of the YAML files in mappings/, sorted."""
        return names_in(self.root / "mappings")

    def pipeline(self, name: str) -> Pipeline:
        """Load a pipeline, and make sure that its source and mapping are there."""
        document = self._load("pipelines", name)
        resolved = resolve(document, self.environment, blocks=self.blocks)
        missing = [
            *missing_file(document, ("source",), resolved.data.get("source"), self.root, "sources"),
            *missing_file(document, ("mapping",), resolved.data.get("mapping"), self.root, "mappings"),
        ]
        return Pipeline(name, validate(PipelineConfig, resolved, document, missing), document)

    def source(self, name: str) -> LoadedSource:
        """Load a source, and make sure that the .sql file which its query names is there."""
        document = self._load("sources", name)
        resolved = resolve(document, self.environment, blocks=self.blocks)
        model = _source_model(document, resolved)
        return LoadedSource(
            name, validate(model, resolved, document, missing_query(document, resolved)), document
        )

    def mapping(self, name: str) -> LoadedMapping:
        """Load one mapping, and make sure that its schema files and the mapping it extends are there.

        ``${NAME}`` is replaced in ``config.vars`` only; ``document.data`` is as written.
        """
        document = self._load("mappings", name)
        resolved = resolve(document, self.environment, only="vars", blocks=self.blocks)
        missing = [
            *missing_file(document, ("extends",), document.data.get("extends"), self.root, "mappings"),
            *missing_schemas(document, self.root),
        ]
        return LoadedMapping(name, validate(MappingConfig, resolved, document, missing), document)

    def mapping_chain(self, name: str) -> tuple[LoadedMapping, ...]:
        """Load a mapping and all that it extends, the base first.

        Raises:
            ConfigError: Also when it extends itself, directly or through others.
        """
        chain = [self.mapping(name)]
        while (base := chain[-1].config.extends) is not None:
            names = [mapping.name for mapping in chain]
            if base in names:
                circle = " -> ".join((*names[names.index(base) :], base))
                message, hint = f"the mapping extends itself: {circle}", "Take 'extends' out of one of them."
                raise ConfigError(chain[-1].document.problem(Code.EXTENDS_CYCLE, ("extends",), message, hint))
            chain.append(self.mapping(base))
        return tuple(reversed(chain))

    def schemas(self, chain: Sequence[LoadedMapping]) -> tuple[LoadedSchema, ...]:
        """Load the custom SCIM schemas that a chain of mappings names, in order, each once.

        Raises:
            ConfigError: A file cannot be read or is not JSON; what it says is not checked here.
        """
        names = dict.fromkeys(name for mapping in chain for name in mapping.config.schemas)
        return tuple(_load_schema(self.root / "mappings" / "schemas" / name, self.root) for name in names)

    def check(self, *names: str) -> tuple[Problem, ...]:
        """Load everything, and collect what is wrong with it.

        Args:
            names: Pipelines to check with what they refer to; none for all files of the project.

        Returns:
            The problems of the files, each once; ``()`` when all can be loaded.

        Raises:
            UsageError: There is no pipeline of that name.
        """
        found: dict[Problem, None] = {}
        for load, name in self._parts(names):
            try:
                load(name)
            except ConfigError as error:
                found.update(dict.fromkeys(error.problems))
        return tuple(found)

    @property
    def data_dir(self) -> Path:
        """The folder .scimport, for what is remembered; made for its owner only, and kept out of git.

        Raises:
            StateError: It cannot be made.
        """
        folder = self.root / ".scimport"
        try:
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
                (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            message = f"the folder .scimport cannot be made: {error.strerror}"
            hint = "Let the user that runs scimport write in the project folder."
            raise StateError(Problem(Code.STATE_UNREACHABLE, message, hint=hint, file=".scimport")) from None
        return folder

    @property
    def state_url(self) -> str:
        """SQLAlchemy URL of the state database; it may hold a password.

        ``SCIMPORT_STATE_URL``, else ``url`` below ``[state]`` in scimport.toml, else SQLite in .scimport/. A
        relative path of SQLite is relative to the project folder, wherever the command is called from.

        Raises:
            ConfigError: scimport.toml is wrong.
            StateError: .scimport cannot be made.
        """
        url = self.environment.get("SCIMPORT_STATE_URL", "")
        if not url and (secret := self._settings().state.url) is not None:
            url = secret.get_secret_value()
        if not url:
            return f"sqlite:///{self.data_dir / 'state.db'}"
        found = _RELATIVE_SQLITE.fullmatch(url)
        return f"{found['dialect']}:///{self.root / found['path']}{found['rest']}" if found else url

    @property
    def state(self) -> StateConfig:
        """Where the state is, and how it keeps what it knows of people.

        Raises:
            ConfigError: scimport.toml is wrong.
            StateError: .scimport cannot be made.
        """
        return self._settings().state.model_copy(update={"url": SecretStr(self.state_url)})

    @property
    def retention(self) -> RetentionConfig:
        """How long what is kept.

        Raises:
            ConfigError: scimport.toml is wrong.
        """
        return self._settings().retention

    def _settings(self, _file: str = SETTINGS_FILE) -> SettingsConfig:
        return load_settings(self.root, self.environment, self.blocks)

    def _overrides(self, source: str) -> object:
        from scimport.project.overrides import load_overrides  # noqa: PLC0415 - it knows the project

        return load_overrides(self, source)

    def _whole_mapping(self, name: str) -> tuple[LoadedSchema, ...]:
        return self.schemas(self.mapping_chain(name))

    def _load(self, folder: str, name: str) -> Document:
        names = names_in(self.root / folder)
        if name not in names:
            message = f"there is no {folder.removesuffix('s')} '{name}'"
            raise UsageError(Problem(Code.MISSING_REFERENCE, message, hint=there_are(folder, name, names)))
        paths = [self.root / folder / f"{name}{suffix}" for suffix in SUFFIXES]
        first, *others = [path for path in paths if path.is_file()]
        if others:
            message, hint = (
                f"{others[0].name} beside it has the same name",
                "Remove or rename one of the two.",
            )
            raise ConfigError(
                Problem(Code.BAD_VALUE, message, hint=hint, file=relative_name(first, self.root))
            )
        return load_document(first, self.root)

    def _parts(self, names: Sequence[str]) -> Iterator[tuple[Callable[[str], object], str]]:
        yield self._settings, SETTINGS_FILE
        yield self._overrides, ""
        yield from ((self.pipeline, name) for name in names or self.pipeline_names)
        yield from ((self.source, name) for name in self._referred("source", names, self.source_names))
        yield from (
            (self._whole_mapping, name) for name in self._referred("mapping", names, self.mapping_names)
        )

    def _referred(self, key: str, pipelines: Sequence[str], there: Sequence[str]) -> Sequence[str]:
        """What the pipelines name under a key, of what is there; without pipelines, all that is there."""
        if not pipelines:
            return there
        referred = set()
        for name in pipelines:
            try:
                referred.add(resolve(self._load("pipelines", name), self.environment).data.get(key))
            except ConfigError:
                continue  # loading the pipeline has reported it
        return [name for name in there if name in referred]


def _source_model(document: Document, resolved: Resolved) -> type[AnySourceConfig]:
    kind, kinds = resolved.data.get("kind"), ", ".join(SOURCE_KINDS)
    if isinstance(kind, str) and kind in SOURCE_KINDS:
        return SOURCE_KINDS[kind]
    if kind is None:
        hint = f"Write kind: csv, or another of {kinds}."
        problem = document.problem(Code.MISSING_KEY, ("kind",), "'kind' is missing", hint)
    else:
        hint = did_you_mean(str(kind), SOURCE_KINDS)
        problem = document.problem(Code.BAD_VALUE, ("kind",), f"'kind' must be one of {kinds}", hint)
    raise ConfigError(problem if ("kind",) not in resolved.paths else resolved.problems)


def _load_schema(path: Path, root: Path) -> LoadedSchema:
    file = relative_name(path, root)
    try:
        return LoadedSchema(file, json.loads(read_text(path, file, Code.BAD_SCHEMA)))
    except json.JSONDecodeError as error:
        message = f"the file is not JSON: {error.msg}"
        raise ConfigError(Problem(Code.BAD_SCHEMA, message, file=file, line=error.lineno)) from None
    except RecursionError:
        raise ConfigError(Problem(Code.BAD_SCHEMA, "the file is nested too deeply", file=file)) from None
