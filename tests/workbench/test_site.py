from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.workbench.conftest import MAPPING, Make

from scimport.errors import UsageError
from scimport.inputs import compiled
from scimport.project import Project
from scimport.workbench.lineage import lineage, uses_of
from scimport.workbench.picture import ROW, picture
from scimport.workbench.site import build_site

ROOT = Path(__file__).parents[2]


class Reader(HTMLParser):
    """Collects the elements, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attributes if name in ("href", "src", "srcset")]


def test_lineage_goes_both_ways(make: Make) -> None:
    mapping = "where: Kind != 'x'\nlet: { both: First ~ Last }\n" + MAPPING.replace(
        "  active: true", "  active: true\n  displayName: '{{ both }}'\n  name: { familyName: '{{ Last }}' }"
    )
    project = make(mapping)
    compiled_mapping, _ = compiled(project, project.pipeline("people"), None, datetime.now(UTC))
    uses = lineage(compiled_mapping, "entra-id")
    assert [use.attribute for use in uses_of(uses, "Last")] == ["name.familyName", "displayName"]
    assert [use.columns for use in uses_of(uses, "displayName")] == [("First", "Last")]
    assert [use.becomes for use in uses_of(uses, "name")] == [("surname",)]
    assert [(use.attribute, use.line) for use in uses_of(uses, "Kind")] == [("where", 1)]
    with pytest.raises(UsageError, match="reads no column Lats") as caught:
        uses_of(uses, "Lats")
    assert caught.value.problems[0].hint == "Did you mean 'Last'?"


def test_a_picture_has_a_line_for_each_use() -> None:
    drawn = picture([("a", ["x", "y"]), ("urn:example:1.0:User:Code", ["y"]), ("c" * 60, ["y"])])
    assert [node.name for node in drawn.columns] == ["x", "y"]
    assert [node.name for node in drawn.attributes][1:] == ["Code", "…" + "c" * 45]
    assert (len(drawn.lines), drawn.height) == (4, 3 * ROW)
    assert picture([]).lines == ()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for part in ("pipelines", "sources", "mappings"):
        shutil.copytree(ROOT / part, tmp_path / "project" / part)
    return Project(tmp_path / "project")


def test_the_site_refers_to_nothing_outside_and_is_the_same_again(project: Project, tmp_path: Path) -> None:
    first = build_site(project, tmp_path / "one")
    again = build_site(project, tmp_path / "two")
    assert [path.name for path in first] == ["index.html", "contractors.html", "employees.html"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    for path in first:
        reader = Reader()
        reader.feed(path.read_text("utf-8"))
        assert set(reader.references) <= {one.name for one in first}
        assert not {"script", "link", "img", "iframe"} & set(reader.tags)
        assert "url(" not in path.read_text("utf-8")
    text = first[2].read_text("utf-8")
    for shown in (
        "enterprise.costCenter",
        "mappings/base.yml:17",
        "per_attribute",
        "pensioners are out of scope",
    ):
        assert shown in text
    assert len(re.findall("<path ", text)) == 29


def test_what_the_files_say_is_text_and_secrets_stay_out(project: Project, tmp_path: Path) -> None:
    folder = project.root
    mapping = (folder / "mappings" / "base.yml").read_text()
    (folder / "mappings" / "base.yml").write_text(
        mapping.replace("company: Acme", "company: '<b>${COMPANY:-secret}</b>'")
    )
    path = folder / "sources" / "contractors.yml"
    path.write_text(path.read_text().replace("sqlite:///${", "postgresql://u:pa55word@host.example/${"))
    texts = [one.read_text("utf-8") for one in build_site(project, tmp_path / "site")]
    assert not [text for text in texts if "<b>" in text or "pa55word" in text or ">secret" in text]
    assert "&lt;b&gt;${COMPANY:-secret}&lt;/b&gt;" in texts[2]
