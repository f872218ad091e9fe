"""Every file of csv-spectrum reads as its JSON says; see csv_spectrum/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scimport.project.source_config import CsvSourceConfig
from scimport.sources import open_source

FOLDER = Path(__file__).parent / "csv_spectrum"
NAMES = sorted(path.stem for path in FOLDER.glob("*.csv"))

# The suite contradicts itself in one cell: the file has this number, and the JSON beside it another one.
IN_THE_FILE = {"location_coordinates": {"Contact Phone Number": "2095257564"}}


def test_all_are_there() -> None:
    assert len(NAMES) == 12


@pytest.mark.parametrize("name", NAMES)
def test_reads_as_its_json_says(name: str) -> None:
    said: Any = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    expected = [one | IN_THE_FILE.get(name, {}) for one in (said if isinstance(said, list) else [said])]
    config = CsvSourceConfig(path=f"{name}.csv", key=next(iter(expected[0])))
    with open_source(config, name=name, root=FOLDER) as source:
        rows = [row for batch in source.batches(2) for row in batch.rows]
        assert [dict(zip(source.columns, row, strict=True)) for row in rows] == expected
