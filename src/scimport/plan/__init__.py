"""Decide: what changed, who leaves, and what of it will be sent."""

from scimport.plan.builder import PlanBuilder, Selection
from scimport.plan.records import Input

__all__ = ["Input", "PlanBuilder", "Selection"]
