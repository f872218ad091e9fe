from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scimport.project.document import parse_document
from scimport.project.rewriting import rewritten

BLOCK = """# head
app: # the app
  target: entra-id # stays
  endpoint: sandbox # was here
  names:
    - a # in it
    - b

  # after it
  last: 1
schedule: { interval: 4h }
"""
FLOW = "app: { target: entra-id, endpoint: sandbox } # the app\nsource: x\n"


def _rewritten(tmp_path: Path, text: str, changes: dict[str, Any]) -> str:
    path = tmp_path / "p.yml"
    path.write_text(text, "utf-8")
    return rewritten(parse_document(text, path, "p.yml"), "app", changes)


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        (BLOCK, {"endpoint": "https://x.example/v1.0"}, "  endpoint: https://x.example/v1.0 # was here\n"),
        (BLOCK, {"names": None}, "# was here\n\n  # after it\n  last: 1\n"),
        (BLOCK, {"names": {"k": "[v]"}}, '  names:\n    k: "[v]"\n\n  # after it\n'),
        (BLOCK, {"new": [[{"a": "IS TRUE"}]]}, "  last: 1\n  new:\n    - [{ a: IS TRUE }]\nschedule:"),
        (BLOCK, {"none": None}, BLOCK),
        (FLOW, {"endpoint": "yes", "n": 5}, 'app: { target: entra-id, endpoint: "yes", n: 5 } # the app\n'),
        (FLOW, {"target": None}, "app: { endpoint: sandbox } # the app\n"),
        (FLOW, {"endpoint": None}, "app: { target: entra-id } # the app\n"),
    ],
)
def test_a_key_is_changed_and_the_rest_stays(
    tmp_path: Path, text: str, changes: dict[str, Any], expected: str
) -> None:
    assert expected in _rewritten(tmp_path, text, changes)


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" "), max_size=12
)


@given(
    value=_TEXT
    | st.lists(_TEXT, min_size=1, max_size=3)
    | st.dictionaries(_TEXT, _TEXT, min_size=1, max_size=3)
)
def test_any_value_is_read_again_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    for text in (BLOCK, FLOW):
        document = yaml.safe_load(_rewritten(folder, text, {"endpoint": value}))
        assert set(document["app"]) >= {"target", "endpoint"}
