"""A static site that documents a project, for people who will never open its files.

Everything in it comes from the files of the project, as they are written: no environment, no source and no
state is read, so that no secret and no value of a person can be in it, and the same files give the same
bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scimport import __version__
from scimport.inputs import compiled
from scimport.plan.guards import allowed
from scimport.project import GuardLimit
from scimport.project.cases import LoadedCases, case_files, load_cases
from scimport.project.project import Pipeline, Project
from scimport.workbench.lineage import Use, lineage
from scimport.workbench.picture import picture

_PAGES: Final = Path(__file__).parent / "pages"
# Any time will do: nothing of it is shown.
_NOW: Final = datetime(2000, 1, 1, tzinfo=UTC)
_POPULATION: Final = 1000


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, and how many of a thousand it lets through."""

    name: str
    about: str
    percent: float
    count: int
    lets: int


def build_site(project: Project, folder: Path) -> tuple[Path, ...]:
    """Write the pages; see the module.

    Args:
        project: The project folder.
        folder: Where to; it is made when it is not there. Files of other names in it are left alone.

    Returns:
        The files.

    Raises:
        ConfigError: A file of the project is wrong.
    """
    environment = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cases = [load_cases(project, name) for name in case_files(project)]
    pages = [_page(project, project.pipeline(name), cases) for name in project.pipeline_names]
    shared = {"project": project.root.resolve().name, "version": __version__, "pages": pages}
    texts = {"index.html": environment.get_template("index.html").render(shared)}
    template = environment.get_template("pipeline.html")
    texts |= {f"{page['name']}.html": template.render(shared | {"page": page}) for page in pages}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return tuple(folder / name for name in texts)


def _page(project: Project, pipeline: Pipeline, cases: list[LoadedCases]) -> dict[str, Any]:
    config, source = pipeline.config, project.source(pipeline.config.source)
    mapping, _ = compiled(project, pipeline, None, _NOW)
    chain = project.mapping_chain(config.mapping)
    uses = lineage(mapping, config.app.target)
    return {
        "name": pipeline.name,
        "description": config.description,
        "file": pipeline.document.file,
        "target": {"entra-id": "Microsoft Entra ID", "on-premises-ad": "Active Directory"}[config.app.target],
        "endpoint": str(pipeline.document.data["app"].get("endpoint", "")),
        "schedule": _schedule(pipeline.document.data.get("schedule")),
        "leavers": config.leavers,
        "source": source,
        "origin": _origin(source.document.data),
        "columns": [(name, _rules(rule)) for name, rule in source.config.columns.items()],
        "mappings": [(one.document.file, one.config.description) for one in reversed(chain)],
        "vars": _vars(chain),
        "where": next((use for use in uses if use.attribute == "where"), None),
        "uses": [use for use in uses if use.attribute != "where"],
        "picture": picture(_drawn(uses)),
        "guards": list(_guards(config.guards)),
        "tests": [
            (file.document.file, [(case.name, _outcome(case)) for case in file.config.tests])
            for file in cases
            if file.mapping in [one.name for one in chain]
        ],
    }


def _schedule(data: Any) -> str:
    if not isinstance(data, dict):
        return "when it is called"
    if "interval" in data:
        return f"every {data['interval']}"
    return f"{data.get('cron', '')} ({data.get('timezone', 'UTC')})"


def _origin(data: dict[str, Any]) -> str:
    """Where a source is, as its file says it; the URL of a database may hold a password."""
    if data.get("kind") == "sql":
        query = str(data.get("query", ""))
        return f"a query, in {query}" if query.strip().endswith(".sql") else "a query"
    path = str(data.get("path", ""))
    return "a file of a server" if "://" in path else path


def _rules(rule: Any) -> str:
    """A column's contract in words."""
    if rule is None:
        return ""
    words = ["required"] if rule.required else []
    words += [rule.type] if rule.type != "text" else []
    words += [f"written {rule.format}"] if rule.format else []
    words += [f"one of {', '.join(rule.values)}"] if rule.values else []
    words += [f"matches {rule.pattern}"] if rule.pattern else []
    return "; ".join(words)


def _vars(chain: Any) -> dict[str, str]:
    """As they are written: a value of the environment may be a secret."""
    return {
        name: str(value)
        for mapping in chain
        for name, value in sorted((mapping.document.data.get("vars") or {}).items())
    }


def _drawn(uses: tuple[Use, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(use.attribute, use.columns) for use in uses if use.columns]


def _guards(guards: Any) -> Iterator[Guard]:
    for name, limit in guards:
        if not isinstance(limit, GuardLimit):
            continue  # source_age and same_file count nobody
        about = type(guards).model_fields[name].description or ""
        yield Guard(name, about, limit.max_percent, limit.max_count, allowed(_POPULATION, limit))


def _outcome(case: Any) -> str:
    if case.out_of_scope:
        return "out of scope"
    return f"refused: {case.invalid}" if case.invalid else "a user" + (", exactly" if case.exact else "")
