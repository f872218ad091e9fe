"""Service principals of the tenant: provisioning apps, API clients, Microsoft Graph; their app roles.

``https://learn.microsoft.com/graph/api/resources/serviceprincipal``
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import orjson

from scimport.sandbox import clock
from scimport.sandbox.graph import GraphError, Reason, invalid

GRAPH_APPLICATION: Final = "00000003-0000-0000-c000-000000000000"
"""Application id of Microsoft Graph, the same in every tenant."""

# https://learn.microsoft.com/graph/permissions-reference
ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SynchronizationData-User.Upload": "db31e92a-b9ea-4d87-bf6a-75a37a9ca35a",
        "SynchronizationData-User.Upload.OwnedBy": "25c32ff3-849a-494b-b94f-20a8ac4e6774",
        "ProvisioningLog.Read.All": "091937d3-3e38-47a1-8649-b2f99d3035f1",
        "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
        "Synchronization.Read.All": "5ba43d2f-fa88-4db2-bd1c-a67c5f0fb1ce",
        "Synchronization.ReadWrite.All": "9b50c33d-700f-43b1-b2eb-87e89b703581",
        "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
        "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
        "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
        "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
        "CustomSecAttributeProvisioning.Read.All": "9fd1f8bf-a443-4df6-bc2a-5d00c5ec7828",
        "CustomSecAttributeProvisioning.ReadWrite.All": "1db69e9c-8d0a-498d-a5df-11fd0b68ceab",
        "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
        "Directory.ReadWrite.All": "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
        "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    }
)

_COLUMNS: Final = "id, application, object, name, template, target, owner, created, visible, secrets"


@dataclass(frozen=True, slots=True)
class Principal:
    """A service principal.

    Attributes:
        id: Object id.
        application: Application (client) id.
        object: Object id of its application registration.
        name: Display name.
        template: Id of the application template that it was made of; empty for others.
        target: ``entra-id`` or ``on-premises-ad`` for a provisioning app; else empty.
        owner: Client id of who made it; empty when it belongs to everybody.
        created: When it was made, in microseconds.
        visible: When it can be found.
        secrets: Values by key, as ``synchronization/secrets`` has them.
    """

    id: str
    application: str
    object: str
    name: str
    template: str
    target: str
    owner: str
    created: int
    visible: int
    secrets: Mapping[str, str]


def new(name: str, at: int, **more: Any) -> Principal:
    """A service principal with new ids, which nobody owns; ``more`` replaces fields."""
    ids = {"id": str(uuid4()), "application": str(uuid4()), "object": str(uuid4())}
    blank = {"template": "", "target": "", "owner": "", "created": at, "visible": at, "secrets": {}}
    return Principal(**{**ids, "name": name, **blank, **more})


def add(connection: sqlite3.Connection, found: Principal) -> Principal:
    """Keep a new service principal."""
    values = (*(getattr(found, column) for column in _COLUMNS.split(", ")[:-1]), orjson.dumps(found.secrets))
    connection.execute(f"INSERT INTO principal ({_COLUMNS}) VALUES ({', '.join('?' * 10)})", values)  # noqa: S608 - own words
    return found


def find(connection: sqlite3.Connection, principal: str, at: int) -> Principal:
    """The service principal of an object id.

    Raises:
        GraphError: 404, when there is none, or none yet.
    """
    rows = _select(connection, "id = ? AND visible <= ?", (principal, at))
    if not rows:
        message = (
            f"Resource '{principal}' does not exist or one of its queried reference-property objects"
            " are not present."
        )
        raise GraphError(404, Reason.UNKNOWN_PRINCIPAL, message)
    return rows[0]


def of_client(connection: sqlite3.Connection, client: str) -> Principal | None:
    """The service principal of an application (client) id."""
    rows = _select(connection, "application = ? AND ? <> ''", (client, client))
    return rows[0] if rows else None


def of_object(connection: sqlite3.Connection, ident: str) -> Principal | None:
    """The service principal whose application registration has an object id."""
    rows = _select(connection, "object = ?", (ident,))
    return rows[0] if rows else None


def listing(connection: sqlite3.Connection, at: int) -> list[Principal]:
    """Those that can be found, oldest first."""
    return _select(connection, "visible <= ?", (at,))


def remove(connection: sqlite3.Connection, principal: Principal) -> None:
    """Delete a service principal with what it was granted."""
    connection.execute("DELETE FROM assignment WHERE principal = ?", (principal.id,))
    connection.execute("DELETE FROM principal WHERE id = ?", (principal.id,))


def _select(connection: sqlite3.Connection, where: str, values: Sequence[object]) -> list[Principal]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM principal WHERE {where} ORDER BY created, id",  # noqa: S608 - own words
        values,
    )
    columns = _COLUMNS.split(", ")
    return [
        Principal(**dict(zip(columns, row, strict=True)) | {"secrets": orjson.loads(row[-1])}) for row in rows
    ]


def rename(connection: sqlite3.Connection, principal: Principal, name: str) -> None:
    """Give an app another display name."""
    connection.execute("UPDATE principal SET name = ? WHERE id = ?", (name, principal.id))
    connection.execute("UPDATE app SET name = ? WHERE principal = ?", (name, principal.id))


def replace_secrets(connection: sqlite3.Connection, principal: Principal, secrets: Mapping[str, str]) -> None:
    """Replace all secrets of an app: those that are not named are gone."""
    connection.execute("UPDATE principal SET secrets = ? WHERE id = ?", (orjson.dumps(secrets), principal.id))


def microsoft_graph(connection: sqlite3.Connection, at: int) -> Principal:
    """Graph's own service principal, whose app roles are its permissions; made when it is not there."""
    found = of_client(connection, GRAPH_APPLICATION)
    return found or add(connection, new("Microsoft Graph", at, application=GRAPH_APPLICATION))


# App roles


def assign(connection: sqlite3.Connection, principal: Principal, resource: str, role: str, at: int) -> str:
    """Grant an app role of Microsoft Graph to a service principal; returns the id of the assignment.

    Raises:
        GraphError: 400, when the role is unknown or is granted already.
    """
    graph = microsoft_graph(connection, at)
    if resource != graph.id or role not in ROLES.values():
        raise invalid("Permission being assigned was not found on application")
    ident = str(uuid4())
    row = (ident, principal.id, resource, role, at)
    if not connection.execute("INSERT OR IGNORE INTO assignment VALUES (?, ?, ?, ?, ?)", row).rowcount:
        raise invalid("Permission being assigned already exists on the object")
    return ident


def assignments(connection: sqlite3.Connection, principal: Principal) -> list[dict[str, Any]]:
    """The app roles of a service principal (appRoleAssignment)."""
    rows = connection.execute(
        "SELECT id, resource, role, created FROM assignment WHERE principal = ? ORDER BY created, id",
        (principal.id,),
    )
    return [
        {
            "id": ident,
            "createdDateTime": clock.iso(created),
            "appRoleId": role,
            "principalId": principal.id,
            "principalDisplayName": principal.name,
            "principalType": "ServicePrincipal",
            "resourceId": resource,
            "resourceDisplayName": "Microsoft Graph",
        }
        for ident, resource, role, created in rows
    ]


def permissions(connection: sqlite3.Connection, client: str) -> frozenset[str]:
    """The permissions that have been assigned to a client's service principal."""
    if not client:
        return frozenset()
    rows = connection.execute(
        "SELECT role FROM assignment JOIN principal ON principal.id = assignment.principal"
        " WHERE application = ?",
        (client,),
    )
    granted = {role for (role,) in rows}
    return frozenset(name for name, role in ROLES.items() if role in granted)


def is_owned(connection: sqlite3.Connection, principal: str, client: str) -> bool:
    """Whether a client has made a service principal, or nobody has, or it is not there."""
    row = connection.execute("SELECT owner FROM principal WHERE id = ?", (principal,)).fetchone()
    return row is None or row[0] in ("", client)


# As Graph shows them


def document(principal: Principal) -> dict[str, Any]:
    """The service principal (servicePrincipal)."""
    shown: dict[str, Any] = {
        "id": principal.id,
        "appId": principal.application,
        "displayName": principal.name,
        "appDisplayName": principal.name,
        "applicationTemplateId": principal.template or None,
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "createdDateTime": clock.iso(principal.created),
    }
    if principal.application == GRAPH_APPLICATION:
        shown["appRoles"] = [
            {"id": role, "value": name, "isEnabled": True, "allowedMemberTypes": ["Application"]}
            for name, role in ROLES.items()
        ]
    return shown


def application(principal: Principal) -> dict[str, Any]:
    """The application registration of a service principal."""
    return {
        "id": principal.object,
        "appId": principal.application,
        "displayName": principal.name,
        "applicationTemplateId": principal.template or None,
        "createdDateTime": clock.iso(principal.created),
    }


def template_id(tenant: str, target: str) -> str:
    """Id of a gallery app; it differs from tenant to tenant here, since Microsoft does not publish it."""
    return str(uuid5(NAMESPACE_URL, f"{UUID(tenant)}/{target}"))
