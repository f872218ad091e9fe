"""How many small changes of the sample mappings their tests find.

Every expression, constant and ``where`` of mappings/*.yml is changed in many small ways: a filter is dropped,
a comparison turned round, a constant or a column exchanged, a value removed. Each mutant is compiled in the
place of its file, and the tests of every mapping that has the file in its chain are run. A mutant that no
test finds is a rule that nobody has written down.

    .venv/bin/python benchmarks/mutation.py [--project DIR]

Mutants that the compiler refuses are counted apart: nobody could run them.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scimport.errors import ConfigError
from scimport.mappings.template import MappingEnvironment
from scimport.mappings.tree import is_template
from scimport.project import LoadedMapping, Project, open_project
from scimport.project.cases import case_files, load_cases
from scimport.project.document import KeyPath, dotted
from scimport.workbench.cases import Run, leaves

_ENVIRONMENT = MappingEnvironment()
_TURNED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "and": "or", "or": "and"}
_REMOVED = object()


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A changed value of a mapping file.

    Attributes:
        path: Where in the file.
        change: What was done.
        value: The new value; :data:`_REMOVED` to leave it out.
    """

    path: KeyPath
    change: str
    value: Any


def mutants(mapping: LoadedMapping, columns: Sequence[str]) -> Iterator[Mutant]:
    """All mutants of a file; ``columns`` are what a column may be exchanged for."""
    data = mapping.document.data
    for top in ("user", "vars", "where"):
        for path, value in leaves(data.get(top), (top,)):
            if value is None:
                continue
            if isinstance(value, str) and (is_template(value) or top == "where"):
                for change, text in _of_expression(value, columns):
                    if text != value:
                        yield Mutant(path, change, text)
            elif isinstance(value, bool):
                yield Mutant(path, "turn round", not value)
            else:
                yield Mutant(path, "another constant", f"{value}x" if isinstance(value, str) else value + 1)
            yield Mutant(path, "remove", _REMOVED)


def _of_expression(text: str, columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Changes of one template: what was done, and the new text."""
    braced = text if is_template(text) else f"{{{{ {text} }}}}"
    tokens = [(kind, value) for _, kind, value in _ENVIRONMENT.lex(braced)]

    def joined(start: int, end: int, *instead: str) -> str:
        whole = [value for _, value in tokens]
        made = "".join([*whole[:start], *instead, *whole[end:]])
        return made if is_template(text) else made[2:-2].strip()

    for n, (kind, value) in enumerate(tokens):
        if kind == "string":
            quote, inner = value[0], value[1:-1]
            yield "another text", joined(n, n + 1, f"{quote}{inner}x{quote}")
            yield "no text", joined(n, n + 1, quote * 2)
        elif kind == "integer":
            yield "another number", joined(n, n + 1, str(int(value) + 1))
        elif kind == "data" and value.strip():
            yield "another text around", joined(n, n + 1, value + "x")
        elif kind == "operator" and value in _TURNED:
            yield f"{value} turned round", joined(n, n + 1, _TURNED[value])
        elif kind == "operator" and value == "|":
            end = _filter_end(tokens, n)
            yield f"drop {''.join(v for _, v in tokens[n:end]).strip()}", joined(n, end)
        elif kind == "name":
            yield from _of_name(tokens, n, value, columns, joined)


def _of_name(
    tokens: list[tuple[str, str]], n: int, value: str, columns: Sequence[str], joined: Any
) -> Iterator[tuple[str, str]]:
    before = next((v for k, v in reversed(tokens[:n]) if k != "whitespace"), "")
    if value in ("and", "or"):
        yield f"{value} turned round", joined(n, n + 1, _TURNED[value])
    elif value in ("in", "is") and before != "not":
        yield f"not {value}", joined(n, n + 1, f"not {value}" if value == "in" else "is not")
    elif value == "if":
        yield "condition turned round", joined(n, n + 1, "if not")
    elif value in ("true", "false"):
        yield "turn round", joined(n, n + 1, "false" if value == "true" else "true")
    elif value in columns and before not in ("|", "."):
        for other in (columns[columns.index(value) - 1], columns[(columns.index(value) + 1) % len(columns)]):
            yield f"{value} -> {other}", joined(n, n + 1, f'row["{other}"]')


def _filter_end(tokens: list[tuple[str, str]], start: int) -> int:
    """Behind a filter and its arguments."""
    end = start + 1
    while tokens[end][0] == "whitespace":
        end += 1
    end += 1
    if end < len(tokens) and tokens[end][1] == "(":
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(tokens[end][1], 0)
            end += 1
            if not depth:
                break
    return end


def mutated(mapping: LoadedMapping, mutant: Mutant) -> LoadedMapping:
    """The file with one value changed."""
    data = copy.deepcopy(mapping.document.data)
    owner: Any = data
    for key in mutant.path[:-1]:
        owner = owner[key]
    if mutant.value is _REMOVED:
        del owner[mutant.path[-1]]
    else:
        owner[mutant.path[-1]] = mutant.value
    document = dataclasses.replace(mapping.document, data=data)
    return LoadedMapping(mapping.name, type(mapping.config)(**data), document)


def _fate(
    project: Project, chains: Mapping[str, Sequence[LoadedMapping]], name: str, changed: LoadedMapping
) -> str:
    """``found``, ``refused`` by the compiler, or ``survived``."""
    fates = []
    for file in case_files(project):
        cases = load_cases(project, file)
        chain = chains[cases.mapping]
        if name in [one.name for one in chain]:
            run = Run(project, cases, tuple(changed if one.name == name else one for one in chain))
            fates.append(_verdict(run))
    return next((fate for fate in ("found", "refused") if fate in fates), "survived")


def _verdict(run: Run) -> str:
    try:
        return "survived" if all(verdict.passed for verdict in run.verdicts()) else "found"
    except ConfigError as error:
        # A test that gives a column which nothing reads any more has found that.
        in_tests = any(problem.file == run.cases.document.file for problem in error.problems)
        return "found" if in_tests else "refused"


def main() -> None:
    """Print the survivors, and the share of mutants that the tests find."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--project", type=Path, default=Path(__file__).parents[1])
    project = open_project(parser.parse_args().project)
    tested = {load_cases(project, file).mapping for file in case_files(project)}
    chains = {name: project.mapping_chain(name) for name in tested}
    counts: dict[str, int] = {}
    for name in project.mapping_names:
        mapping = project.mapping(name)
        for mutant in mutants(mapping, _columns(mapping)):
            fate = _fate(project, chains, name, mutated(mapping, mutant))
            counts[fate] = counts.get(fate, 0) + 1
            if fate == "survived":
                line = mapping.document.line(mutant.path)
                print(f"survived: {mapping.document.file}:{line} {dotted(mutant.path)}: {mutant.change}")
    found, survived = counts.get("found", 0), counts.get("survived", 0)
    print(f"{found} of {found + survived} mutants are found; {counts.get('refused', 0)} cannot be compiled")
    sys.exit(1 if survived else 0)


def _columns(mapping: LoadedMapping) -> list[str]:
    texts = [value for _, value in leaves(mapping.document.data.get("user"), ()) if is_template(value)]
    names = {
        name
        for text in texts
        for name in re.findall(r"\b[A-Z]\w+\b", re.sub(r"\"[^\"]*\"|'[^']*'", "", text))
    }
    return sorted(names)


if __name__ == "__main__":
    main()
