"""What is in the tenant, as the keys of a pipeline's file."""

from __future__ import annotations

from typing import Any

from scimport.project import Pipeline, Project
from scimport.project.provisioning import REMOVED
from scimport.provisioning import secrets
from scimport.provisioning.schema import Parts, Row, attributes_in
from scimport.provisioning.tenant import Tenant
from scimport.provisioning.wanted import Settings, derived_attributes

# None is off in the tenant; the default needs no key in the file.
_THRESHOLDS: dict[int | None, Any] = {None: "off", Settings().accidental_deletion_threshold: None}


def pulled(project: Project, pipeline: Pipeline, tenant: Tenant) -> dict[str, Any]:
    """Read an app into the keys below ``app:``; None for a key that has its default.

    Raises:
        ConfigError: A file of the pipeline's mapping is wrong.
        GraphRefusal: Graph does not give it.
    """
    settings = secrets.read_settings(tenant.secrets())
    parts, default = Parts(tenant.schema()), Parts(tenant.default_schema())
    derived = derived_attributes(project, pipeline)
    custom = [name for name in parts.source_names if name not in {*default.source_names, *derived}]
    threshold = settings.accidental_deletion_threshold
    ad = pipeline.config.app.target == "on-premises-ad"
    return {
        "name": tenant.name,
        "notification_email": settings.notification_email or None,
        "accidental_deletion_threshold": "off"
        if threshold is None
        else None
        if threshold == 500
        else threshold,
        "domain": settings.domain or None if ad else None,
        "ou": settings.ou or None if ad else None,
        "attribute_mappings": _mappings(parts.rows, default.rows) or None,
        "custom_attributes": custom or None,
        "scoping_filter": [
            [
                {"attribute": name, "operator": operator, **({} if value is None else {"value": value})}
                for name, operator, value in group
            ]
            for group in parts.scope
        ]
        or None,
        "flow_nulls": _flow_nulls(parts.rows) or None,
        "skip_out_of_scope_deletions": settings.skip_out_of_scope_deletions or None,
    }


def _mappings(rows: dict[str, Row], default: dict[str, Row]) -> dict[str, Any]:
    """The mappings that differ from the default, apart from their gates of nulls."""
    differing = {name: row for name, row in rows.items() if _written(row) != _written(default.get(name))}
    gone = {name: REMOVED for name in default if name not in rows}
    return {**{name: _written(row) for name, row in differing.items()}, **gone}


def _written(row: Row | None) -> Any:
    """A mapping as the file has it: its expression, or keys."""
    if row is None:
        return None
    more: dict[str, Any] = {}
    if row.when != "always":
        more["when"] = row.when
    if row.match:
        more["match"] = row.match
    if row.default:
        more["default"] = row.default
    return {"expression": row.expression, **more} if more else row.expression


def _flow_nulls(rows: dict[str, Row]) -> list[str]:
    return sorted({name for row in rows.values() if row.nulls for name in attributes_in(row.expression)})
