"""Makes the tests in mappings/tests/ of a project folder tests of pytest.

pytest loads it by the entry point ``pytest11``, in every project that is tested with it. So nothing but
pytest is imported before a file of tests of mappings is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scimport.workbench.cases import Run


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the YAML files of mappings/tests/ beside a folder pipelines/."""
    if file_path.suffix not in (".yml", ".yaml") or file_path.parts[-3:-1] != ("mappings", "tests"):
        return None
    if not (file_path.parents[2] / "pipelines").is_dir():
        return None
    file: pytest.Collector = CasesFile.from_parent(parent, path=file_path)
    return file


class CasesFile(pytest.File):
    """A file of mappings/tests/."""

    def collect(self) -> Iterator[pytest.Item]:
        """The tests in it."""
        from scimport.errors import ScimportError  # noqa: PLC0415 - see above
        from scimport.project import open_project  # noqa: PLC0415
        from scimport.project.cases import load_cases  # noqa: PLC0415
        from scimport.workbench.cases import run_of  # noqa: PLC0415

        project = open_project(self.path.parents[2])
        try:
            cases = load_cases(project, self.path.stem)
            run = run_of(project, cases)
        except ScimportError as error:
            raise self.CollectError(_problems(error)) from None
        for index, case in enumerate(cases.config.tests):
            yield CaseItem.from_parent(self, name=case.name, run=run, index=index)


class CaseItem(pytest.Item):
    """One test of a mapping."""

    def __init__(self, *, run: Run, index: int, **options: Any) -> None:
        super().__init__(**options)
        self._run, self._index = run, index

    def runtest(self) -> None:
        """Map the row and compare."""
        from scimport.errors import ScimportError  # noqa: PLC0415 - see above

        try:
            verdict = self._run.verdict(self._index)
        except ScimportError as error:
            pytest.fail(_problems(error), pytrace=False)
        if not verdict.passed:
            lines = [
                f"{one.file}:{one.line} {one.attribute}\n  expected  {one.expected}\n  got       {one.got}"
                + (f"\n  made by   {one.origin}" if one.origin else "")
                for one in verdict.differences
            ]
            pytest.fail("\n".join(lines), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test is, its line counted from 0."""
        line = self._run.cases.document.line(("tests", self._index))
        return self.path, line - 1 if line else None, self.name


def _problems(error: Any) -> str:
    lines = (f"{one.place}: {one.code}: {one.message} {one.hint}".rstrip() for one in error.problems)
    return "\n".join(lines)
