"""The settings of a job that Graph keeps among its secrets.

``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationsecretkeystringvaluepair``.
A PUT replaces all of them, so that those that scimport does not know must be sent again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scimport.provisioning.wanted import Settings

NOTIFICATION = "SyncNotificationSettings"
DOMAIN = "Domain"
CONTAINER = "SyncAgentADContainer"
SKIP = "SkipOutOfScopeDeletions"


def read_settings(pairs: Sequence[Mapping[str, Any]]) -> Settings:
    """Read the settings out of what ``GET .../synchronization/secrets`` gives."""
    values = {str(pair.get("key")): str(pair.get("value") or "") for pair in pairs}
    notification = _json(values.get(NOTIFICATION, ""))
    domain = values.get(DOMAIN, "")
    limited = notification.get("DeleteThresholdEnabled", True)
    told = notification.get("Enabled", True)
    return Settings(
        notification_email=str(notification.get("Recipients") or "") if told else "",
        accidental_deletion_threshold=int(notification.get("DeleteThresholdValue", 500)) if limited else None,
        domain=str(_json(domain).get("domain") or domain),
        ou=values.get(CONTAINER, ""),
        skip_out_of_scope_deletions=values.get(SKIP, "").lower() == "true",
    )


def merged(pairs: Sequence[Mapping[str, Any]], wanted: Settings) -> list[dict[str, Any]]:
    """The secrets to PUT: those that are there, with the wanted settings in place of theirs."""
    found = {str(pair.get("key")): pair.get("value") for pair in pairs}
    threshold = wanted.accidental_deletion_threshold
    notification = _json(str(found.get(NOTIFICATION) or "")) | {
        "Enabled": True,
        "Recipients": wanted.notification_email,
        "DeleteThresholdEnabled": threshold is not None,
    }
    if threshold is not None:
        notification["DeleteThresholdValue"] = threshold
    ours: dict[str, Any] = {NOTIFICATION: json.dumps(notification, separators=(",", ":"))}
    if wanted.domain:
        ours[DOMAIN] = json.dumps({"domain": wanted.domain}, separators=(",", ":"))
    if wanted.ou:
        ours[CONTAINER] = wanted.ou
    if wanted.skip_out_of_scope_deletions or SKIP in found:
        ours[SKIP] = str(wanted.skip_out_of_scope_deletions)
    return [{"key": key, "value": value} for key, value in {**found, **ours}.items()]


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
