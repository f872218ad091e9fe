"""Entries of the provisioning log as Graph shows them: provisioningObjectSummary.

``https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary``
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from scimport.sandbox import clock
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.bulk import ENTERPRISE


def render(row: sqlite3.Row, tenant: str, *, beta: bool) -> dict[str, Any]:
    """One entry as Graph shows it; beta adds the names that it had before."""
    facts = orjson.loads(row["facts"])
    status: dict[str, Any] = {"status": row["status"], "errorInformation": _error(facts)}
    target = TARGETS[row["target"]]
    summary = {
        "id": str(uuid5(NAMESPACE_URL, f"{row['job']}/{row['id']}")),
        "activityDateTime": clock.iso(row["activity"]),
        "tenantId": tenant,
        "jobId": row["job"],
        "cycleId": row["cycle"],
        "changeId": row["change"],
        "provisioningAction": row["action"],
        "durationInMilliseconds": facts["ms"],
        "provisioningStatusInfo": status,
        "provisioningSteps": _steps(row, facts, target.directory),
        "modifiedProperties": [
            {"displayName": name, "oldValue": _shown(old), "newValue": _shown(new)}
            for name, old, new in facts["changes"]
        ],
        "servicePrincipal": {"id": row["principal"], "displayName": row["app_name"]},
        "sourceSystem": _system(row["job"], "API", {}),
        "targetSystem": _system(row["job"], target.directory, _details(row)),
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
        "sourceIdentity": _identity(row["source"], facts["name"], ENTERPRISE),
        "targetIdentity": _identity(facts["guid"], facts["name"] if facts["guid"] else "", "User"),
    }
    if beta:
        summary |= {"action": row["action"].capitalize(), "statusInfo": status}
    return summary


def _system(job: str, name: str, details: dict[str, str]) -> dict[str, Any]:
    return {"id": str(uuid5(NAMESPACE_URL, f"{job}/{name}")), "displayName": name, "details": details}


def _identity(ident: str, name: str, kind: str) -> dict[str, Any]:
    return {"id": ident, "displayName": name, "identityType": kind, "details": {}}


def _details(row: sqlite3.Row) -> dict[str, str]:
    return {
        "ApplicationId": row["application"],
        "ServicePrincipalId": row["principal"],
        "ServicePrincipalDisplayName": row["app_name"],
    }


def _error(facts: dict[str, Any]) -> dict[str, Any] | None:
    if not facts["code"]:
        return None
    return {
        "errorCode": facts["code"],
        "reason": facts["reason"],
        "additionalDetails": None,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": None,
    }


def _shown(value: object) -> str | None:
    """A value as the log has it: text, with ``True`` and ``False``."""
    return None if value is None else str(value)


def _steps(row: sqlite3.Row, facts: dict[str, Any], directory: str) -> Sequence[dict[str, Any]]:
    """What the service did, step by step, as far as it came."""
    source, verb = facts["source"], facts["imported"]
    steps = [_import(facts)]
    if facts["code"] == "ImportSkipped":
        return steps
    steps.append(_scoping(facts))
    skipped = row["action"] == "other"
    steps.append(_skip(facts, directory) if skipped else _match(row["action"], facts, directory))
    if facts["unresolved"]:
        steps.append(_reference(facts))
    if row["action"] == "stageddelete":
        steps.append(_stage(facts, directory))
    elif not skipped:
        steps.append(_export(row, source, verb, directory))
    return steps


def _export(row: sqlite3.Row, source: str, verb: str, directory: str) -> dict[str, Any]:
    done = row["status"] == "success"
    word = {"create": "create", "disable": "disable"}.get(row["action"], "update")
    description = (
        f"User '{source}' was {word}d in {directory}"
        if done
        else f"Failed to {word} User '{source}' in {directory}"
    )
    return _step(f"EntryExport{verb}", "export", row["status"], description, {"ReportableIdentifier": source})


def _step(name: str, kind: str, status: str, description: str, details: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": description,
        "details": details,
    }


def _import(facts: dict[str, Any]) -> dict[str, Any]:
    source, verb = facts["source"], facts["imported"]
    return _step(
        f"EntryImport{verb}",
        "import",
        "skipped" if facts["code"] == "ImportSkipped" else "success",
        f"Received {ENTERPRISE} '{source}' change of type ({verb}) from API",
        {"ExternalId": source, "Active": facts["active"], "DisplayName": facts["name"]},
    )


def _scoping(facts: dict[str, Any]) -> dict[str, Any]:
    return _step(
        "EntrySynchronizationScoping",
        "scoping",
        "skipped" if facts["out"] else "success",
        "Determine if User in scope by evaluating against each scoping filter",
        {
            "Active in the source system": facts["active"],
            "ScopeEvaluationResult": orjson.dumps(facts["scope"]).decode(),
        },
    )


def _match(action: str, facts: dict[str, Any], directory: str) -> dict[str, Any]:
    source = facts["source"]
    why = {
        "create": "created in {0} (active and assigned in API, but no matching User was found)",
        "disable": "disabled in {0} (not active in API)",
        "stageddelete": "disabled in {0} (not active in API), once deletes are allowed",
    }.get(action, "updated in {0} (active and assigned in API, and a matching User was found)")
    return _step(
        f"EntrySynchronization{facts['imported']}",
        "matching",
        "success",
        f"User '{source}' will be {why.format(directory)}",
        {},
    )


def _stage(facts: dict[str, Any], directory: str) -> dict[str, Any]:
    """The threshold of accidental deletions was met (``accidental-deletions``)."""
    return _step(
        "StagedDelete",
        "export",
        "skipped",
        f"User '{facts['source']}' was not disabled in {directory}: too many deletes in one cycle",
        {"ReportableIdentifier": facts["source"]},
    )


def _skip(facts: dict[str, Any], directory: str) -> dict[str, Any]:
    if facts["out"]:
        return _step(
            "EntrySynchronizationSkip",
            "matching",
            "skipped",
            f"User '{facts['source']}' is out of scope and will be skipped",
            {"SkipReason": "NotEffectivelyEntitled"},
        )
    return _step(
        "EntrySynchronizationSkip",
        "matching",
        "skipped",
        f"The state of User '{facts['source']}' in API and {directory} already match. No change is needed.",
        {"SkipReason": "RedundantExport"},
    )


def _reference(facts: dict[str, Any]) -> dict[str, Any]:
    return _step(
        "EntryResolveReference",
        "referenceResolution",
        "skipped",
        f"Manager '{facts['unresolved']}' of User '{facts['source']}' was not found and stays empty",
        {},
    )
