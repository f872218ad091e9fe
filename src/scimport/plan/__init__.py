"""Decide: what changed, who leaves, and what of it will be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scimport.plan.records import Input

if TYPE_CHECKING:
    from scimport.plan.builder import PlanBuilder, Selection

__all__ = ["Input", "PlanBuilder", "Selection"]


def __getattr__(name: str) -> Any:
    # The state, and SQLAlchemy with it, takes longer to load than `check` and `preview` take to run.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scimport.plan import builder  # noqa: PLC0415

    return getattr(builder, name)
