"""A value that a file of the project gives, as a source would give it."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from typing import Any

from scimport.project.source_config import AnySourceConfig, TextSourceConfig


def given_cell(config: AnySourceConfig, column: str, value: Any) -> object:
    """A cell out of a YAML value.

    Args:
        config: The source.
        column: The column.
        value: A text, number, boolean or None.

    Returns:
        Text from a source of text; otherwise the value with its type, where a text of a column whose contract
        says ``date`` or ``datetime``, without a format, is one.
    """
    if isinstance(config, TextSourceConfig):
        if value is None or isinstance(value, str):
            return value or ""
        return json.dumps(value)
    rule = config.columns.get(column)
    if isinstance(value, str) and rule is not None and not rule.format:
        with suppress(ValueError):
            if rule.type == "date":
                return dt.date.fromisoformat(value)
            if rule.type == "datetime":
                return dt.datetime.fromisoformat(value)
    return value
