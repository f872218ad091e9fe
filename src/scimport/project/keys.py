"""What all models of the project's files have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Config(BaseModel):
    """What all files have in common: no unknown key, no change after loading, no value in an error."""

    # Built when first used: a command needs a few of the models, and each is part of a larger one too.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_blank(cls, data: Any) -> Any:
        # "columns:" with everything below it commented out means no columns, not a mistake.
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
