"""The documentation names what is there, and what it shows works.

A page is run from top to bottom in a folder of its own, which begins as what ``scimport init`` makes:

- a block with a title (```` ```yaml title="sources/staff.yml" ````) becomes that file; at the end of the
  page all files of the project must be right;
- the lines of ``console`` blocks that begin with ``$`` are run, and must print what is below them. Ids, times
  and widths do not count, ``...`` stands for anything, ``2>/dev/null`` leaves what people see out, and where
  the exit code is not 0 the next line is ``$ echo $?``. The id of a plan in a command stands for the one
  that ``plan`` or ``run`` has named last;
- each expression of a ``jinja`` block must give what the comment behind it says: JSON, or ``error: reason``;
- ``yaml``, ``json`` and ``toml`` blocks without a title can be parsed; ``sh`` and ``text`` blocks are only
  looked through for commands and options that are not there.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import unquote

import pytest
import typer
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scimport.apps.remedies import REMEDIES
from scimport.cli.app import app, main
from scimport.codes import Code
from scimport.mappings.expression import parse
from scimport.mappings.filters import FILTERS, NOT_OFFERED, TESTS
from scimport.mappings.lookups import Lookups
from scimport.mappings.mapping import _reason
from scimport.mappings.scope import Scope
from scimport.mappings.template import MappingEnvironment, compile_probes
from scimport.mappings.values import join, part
from scimport.plan.guards import allowed
from scimport.project import Project, cases, config, overrides
from scimport.project.source_config import SOURCE_KINDS
from scimport.sandbox.faults import Expiry, Failure, Faults, Latency, Strike, Throttling
from scimport.sandbox.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
OTHERS = (ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")

_FENCE = re.compile(r'```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\s*')
_HEADING = re.compile(r"(?P<level>#{1,6}) +(?P<text>.+?)\s*")
_LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])+\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the title behind it, its text, and the line that it begins in."""

    language: str
    title: str
    text: str
    line: int


@dataclass
class Page:
    """A page, taken apart."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    prose: str = ""

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def anchors(self) -> set[str]:
        return {_slug(heading) for heading in self.headings}


def _page(path: Path) -> Page:
    page, opened, kept = Page(path), None, []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if opened is not None and line == "```":
            page.blocks.append(Block(*opened[:2], "\n".join(kept) + "\n", opened[2]))
            opened = None
        elif opened is not None:
            kept.append(line)
        elif found := _FENCE.fullmatch(line):
            opened, kept = (found["language"], found["title"] or "", number), []
        else:
            if heading := _HEADING.fullmatch(line):
                page.headings.append(heading["text"])
            page.prose += line + "\n"
    assert opened is None, f"{page.name}:{opened}: the block is not closed"
    return page


def _slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(page: str, heading: str) -> str:
    """The text from a heading to the next one of its level."""
    text = (DOCS / page).read_text("utf-8")
    found = re.search(
        rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,2}} |^\1 |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/{page} has no heading '{heading}'"
    return found[2]


def _flat(text: str) -> str:
    return " ".join(text.split())


# What the pages show works


class Shell:
    """Runs the commands of one page."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch, self.code = folder, monkeypatch, 0
        self._plan = ""

    def run(self, line: str) -> str:
        """Run a line; returns what it prints."""
        if line == "echo $?":
            code, self.code = self.code, 0
            return f"{code}\n"
        assert self.code == 0, f"the command before `{line}` ended with {self.code}"
        if line.startswith("cd "):
            self.folder = (self.folder / line[3:]).resolve()
            return ""
        words = re.fullmatch(r"(?P<names>(?:\w+=\S+ )*)scimport (?P<rest>.*?)(?P<quiet> 2>/dev/null)?", line)
        if words is None:
            ended = subprocess.run(
                ["bash", "-c", line], cwd=self.folder, capture_output=True, text=True, check=False
            )
            self.code = ended.returncode
            return ended.stdout + ended.stderr
        with self._monkeypatch.context() as context:
            for name in words["names"].split():
                context.setenv(*name.split("=", 1))
            context.chdir(self.folder)
            rest = re.sub(_PLAN, self._plan, words["rest"]) if self._plan else words["rest"]
            context.setattr(sys, "argv", ["scimport", *shlex.split(rest)])
            printed = self._scimport(quiet=bool(words["quiet"]))
        if rest.startswith(("plan ", "run ")):
            self._plan = (re.findall(_PLAN, printed) or [self._plan])[-1]
        return printed

    def _scimport(self, *, quiet: bool) -> str:
        printed = io.StringIO()
        before = signal.getsignal(signal.SIGTERM)
        try:
            with redirect_stdout(printed), redirect_stderr(io.StringIO() if quiet else printed):
                main()
        except SystemExit as end:
            self.code = end.code if isinstance(end.code, int) else 0
        finally:
            signal.signal(signal.SIGTERM, before)
        return printed.getvalue()


_PLAN = r"\bp-\d{8}-\d{6}-[0-9a-f]{6}\b"
_VARYING: tuple[tuple[str, str], ...] = (
    (r"\b([rp])-\d{8}-\d{6}-[0-9a-f]{6}\b", r"\1-ID"),
    (r"\b\d+\.\d s\b", "0.0 s"),
    (r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d\+00:00| \d\d:\d\d)", "TIME"),
    (r'"seconds": [\d.]+', '"seconds": 0.0'),
)


def _steady(text: str) -> list[str]:
    """Lines without what differs from run to run, from terminal to terminal, or is only drawn."""
    for varying, steady in _VARYING:
        text = re.sub(varying, steady, text)
    lines = [_flat(line.replace("─", "")) for line in text.splitlines()]
    return [line for line in lines if line]


def _is_shown(shown: str, printed: str) -> bool:
    pattern = ""
    for line in _steady(shown):
        pattern += r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _steady(printed))) is not None


def _commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what is shown below it."""
    for part_ in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part_.partition("\n")
        yield command, shown


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "project"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder.parent)
        Shell(folder.parent, monkeypatch).run("scimport init project")
    return folder


@pytest.fixture
def shell(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None) -> Shell:
    del impatient
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("PREFECT_API_URL", "SCIMPORT_STATE_URL", "EMPLOYEES_CSV", "CONTRACTORS_DB"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(sample, tmp_path / "project")
    return Shell(tmp_path / "project", monkeypatch)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_shows_works(path: Path, shell: Shell) -> None:
    page = _page(path)
    start = shell.folder
    for block in page.blocks:
        where = f"{page.name}:{block.line}"
        if block.title:
            target = shell.folder / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
        _RUNNERS.get(block.language, _ignore)(block, where, shell)
    assert shell.code == 0, f"{page.name}: the last command ended with {shell.code}"
    for folder in {start, shell.folder}:
        assert not Project(folder).check(), page.name


def _run_console(block: Block, where: str, shell: Shell) -> None:
    for command, shown in _commands(block):
        printed = shell.run(command)
        if command == "echo $?" or shown.strip():
            assert _is_shown(shown, printed), f"{where}: `{command}` prints:\n{printed}"


def _run_jinja(block: Block, where: str, shell: Shell) -> None:
    row: dict[str, Any] = {}
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if found := re.fullmatch(r"\{# row: (\{.*\}) #\}", line):
            row = json.loads(found[1])
        elif found := re.fullmatch(r"\{# (mappings/\S+): (\".*\") #\}", line):
            path = shell.folder / found[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.loads(found[2]), "utf-8")
        elif line.strip():
            found = re.fullmatch(r"(.*?)\s*\{# (.*?) #\}", line)
            assert found, f"{where}: line {number} does not say what it gives"
            assert _evaluated(found[1], row, shell.folder) == found[2], f"{where}: line {number}"


def _evaluated(source: str, row: dict[str, Any], folder: Path) -> str:
    """What an expression gives, as JSON, or why it gives nothing."""
    lookups = Lookups(folder)
    environment = MappingEnvironment({"lookup": lookups.filter})
    scope = Scope(None, {}, datetime(2026, 11, 23, 12, tzinfo=UTC), lookups=lookups)
    expression, issues = parse(environment, scope, source)
    if issues:
        return f"error: {issues[0].message}"
    (probe,) = compile_probes(environment, scope, [expression.parts])
    try:
        values = probe(row)
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        return f"error: {_reason(error)[0]}"
    if expression.literals is not None:
        return json.dumps(join(expression.literals, [part(value) for value in values]))
    return json.dumps(values[0], ensure_ascii=False)


def _ignore(_block: Block, _where: str, _shell: Shell) -> None:
    pass


def _parses(load: Callable[[str], object]) -> Callable[[Block, str, Shell], None]:
    def run(block: Block, where: str, _shell: Shell) -> None:
        try:
            load(block.text)
        except Exception as error:  # noqa: BLE001 - each parser has errors of its own
            pytest.fail(f"{where}: {error}")

    return run


_RUNNERS: dict[str, Callable[[Block, str, Shell], None]] = {
    "console": _run_console,
    "jinja": _run_jinja,
    "yaml": _parses(yaml.safe_load),
    "json": _parses(json.loads),
    "toml": _parses(tomllib.loads),
}


# What is there is named


def _options(command: Any) -> dict[str, str]:
    """Every option and argument of a command as it is written, with its help."""
    shown = {}
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            shown[parameter.metavar] = parameter.help
        elif parameter.name not in ("help", "install_completion", "show_completion"):
            name = " / ".join(name for name in (*parameter.opts, *parameter.secondary_opts) if name[1] == "-")
            shown[f"{name} {parameter.metavar}" if parameter.metavar else name] = parameter.help
    return shown


CLI: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = {
    f"{name} {inner}".strip(): command
    for name, found in CLI.commands.items()
    for inner, command in (getattr(found, "commands", None) or {"": found}).items()
}
"""Every command, those of a group with its name: ``app plan``."""


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_documented_with_its_options(name: str) -> None:
    section = _section("commands.md", name)
    for option, about in _options(COMMANDS[name]).items():
        assert f"| `{option}` | {_flat(about)} |" in section, f"| `{option}` | {_flat(about)} |"


def test_options_of_all_commands_and_exit_codes_are_documented() -> None:
    section = _section("commands.md", "Options before the command")
    for option, about in _options(CLI).items():
        assert f"| `{option}` | {_flat(about)} |" in section
    for code in range(5):
        assert f"| {code} |" in _section("commands.md", "Exit codes")


def _shown_commands() -> Iterator[tuple[str, str]]:
    for path in (*PAGES, *OTHERS):
        page = _page(path)
        blocks = "".join(block.text for block in page.blocks if block.language in ("sh", "console"))
        for shown in re.findall(r"^\$ (?:\w+=\S+ )*scimport (.+)", blocks, re.MULTILINE):
            yield page.name, shown
        for shown in re.findall(r"`(?:\w+=\S+ )*scimport ([^`]+)`", page.prose):
            yield page.name, shown


def test_commands_that_are_shown_exist() -> None:
    for name, line in _shown_commands():
        words = re.sub(r"^--project \S+ ", "", line).split()
        if words[0].startswith("-") or words[0].isupper():
            continue
        if words[0] in CLI.commands and len(words) == 1:
            continue
        command = next((known for known in (" ".join(words[:2]), words[0]) if known in COMMANDS), "")
        assert command, f"{name}: scimport {line}"
        known = {word for option in _options(COMMANDS[command]) for word in option.split()} | {"--help"}
        for word in words[1:]:
            assert not word.startswith("--") or word.split("=")[0] in known, f"{name}: scimport {line}"


def test_every_filter_is_documented_with_an_example() -> None:
    page = _page(DOCS / "filters.md")
    examples = "".join(block.text for block in page.blocks if block.language == "jinja")
    named = set(re.findall(r"`([a-z_]+)", "".join(h for h in page.headings if h.startswith("`"))))
    assert named == set(FILTERS)
    for name in FILTERS:
        assert re.search(rf"\| {name}\b", examples), f"filters.md has no example of {name}"


def test_every_test_of_an_expression_is_documented() -> None:
    rows = re.findall(r"^\| (`.*?) \|", _section("filters.md", "Tests"), re.MULTILINE)
    assert sorted(re.findall(r"`([a-z]+)", " ".join(rows))) == sorted(filter(str.isalpha, TESTS))


def test_filters_that_people_look_for_are_answered() -> None:
    section = _section("filters.md", "Filters that are not there")
    for name, instead in NOT_OFFERED.items():
        assert f"`{name}`" in section, (name, instead)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all models that its keys lead to."""
    yield model
    for one in model.model_fields.values():
        for inner in _models_in(one.annotation):
            yield from _models(inner)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _default(model: type[BaseModel], name: str, info: FieldInfo) -> str:
    is_kind = name == "kind" and model is not config.AppConfig
    if info.is_required() or is_kind:
        return "required"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, float):
        return f"`{value / 60:g}m`"
    shown = json.dumps(value) if isinstance(value, bool) else str(value)
    shown = f"[{', '.join(value)}]" if isinstance(value, tuple) else shown
    return "" if value in (None, "", (), {}) else f"`{shown}`"


def _choices(annotation: Any) -> tuple[Any, ...]:
    """What a key may say, where that is a list of words."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for one in get_args(annotation) if len(found := _choices(one)) > 1), ())


def _key_row(model: type[BaseModel], name: str) -> str:
    info = model.model_fields[name]
    choices = _choices(info.annotation)
    one_of = " or ".join(f"`{choice}`" for choice in choices) if len(choices) > 1 else ""
    about = " ".join(filter(None, (info.description, one_of and f"{one_of}.")))
    return f"| `{name}` | {_default(model, name, info)} | {about} |"


_FILES = (
    *SOURCE_KINDS.values(),
    overrides.OverrideConfig,
    config.MappingConfig,
    cases.CasesConfig,
    config.PipelineConfig,
    config.SettingsConfig,
)


@pytest.mark.parametrize("model", dict.fromkeys(one for file in _FILES for one in _models(file)))
def test_every_key_of_a_file_is_documented(model: type[BaseModel]) -> None:
    text = (DOCS / "project-files.md").read_text("utf-8")
    for name in model.model_fields:
        assert _key_row(model, name) in text, _key_row(model, name)


def test_what_each_guard_lets_through_is_documented() -> None:
    text = (DOCS / "guards.md").read_text("utf-8")
    for name, limit in config.GuardsConfig():
        if not isinstance(limit, config.GuardLimit):
            continue
        most = " | ".join(f"{allowed(population, limit)}" for population in (1, 10, 26, 1_000))
        row = f"| `{name}` | {limit.max_percent:g} % | {limit.max_count:,} | {most} |"
        assert row in text, row


def test_what_helps_against_errors_of_the_log_is_documented() -> None:
    section = _section("apps.md", "When people are rejected")
    for code, words in REMEDIES.items():
        assert f"| `{code}` | {words} |" in section, code


def test_every_problem_code_is_explained() -> None:
    headings = _page(DOCS / "problems.md").headings
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(headings))) == sorted(Code)
    for code in Code:
        section = _section("problems.md", f"`{code}`")
        for part_ in ("**Means:**", "**Usual causes:**", "**What to do:**"):
            assert part_ in section, (code, part_)


@pytest.mark.parametrize("model", [Settings, Faults, Throttling, Failure, Strike, Latency, Expiry])
def test_every_setting_and_fault_of_the_sandbox_is_documented(model: type[BaseModel]) -> None:
    text = (DOCS / "sandbox.md").read_text("utf-8")
    for name, info in model.model_fields.items():
        value = info.get_default(call_default_factory=True)
        if not isinstance(value, BaseModel):
            default = json.dumps(value)
            assert f"| `{name}` | `{default}` |" in text, f"| `{name}` | `{default}` |"
        else:
            assert f"| `{name}` |" in text, name


def test_settings_and_faults_that_are_shown_are_understood() -> None:
    text = "".join(block.text for block in _page(DOCS / "sandbox.md").blocks if block.language == "sh")
    for path, body in re.findall(r"/sandbox/(settings|faults)\S* +-d '([^']+)'", text):
        model = Settings if path == "settings" else Faults
        model.model_validate(json.loads(body))
    assert "/sandbox/faults" in text


# The pages hang together


@pytest.mark.parametrize("path", [*PAGES, *OTHERS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_resolve(path: Path) -> None:
    page = _page(path)
    for found in _LINK.finditer(page.prose):
        target, _, anchor = unquote(found["target"]).partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{page.name}: {found['target']}"
        if anchor:
            assert anchor in _page(file).anchors, f"{page.name}: {found['target']}"


def test_every_page_can_be_found_from_the_first() -> None:
    seen: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        targets = (found["target"].partition("#")[0] for found in _LINK.finditer(_page(path).prose))
        waiting += [(path.parent / target).resolve() for target in targets if target and "://" not in target]
    assert not set(DOCS.rglob("*.md")) - seen
