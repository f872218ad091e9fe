"""Gives an API client the least permissions that it needs to upload people and to read what became of them.

``https://learn.microsoft.com/entra/identity/app-provisioning/inbound-provisioning-api-grant-access``
"""

from __future__ import annotations

from dataclasses import dataclass

from scimport.apps.graph import Graph, literal
from scimport.codes import Code
from scimport.errors import GraphRefusal, UsageError
from scimport.model import Problem
from scimport.provisioning.tenant import Tenant, object_id

GRAPH_APPLICATION = "00000003-0000-0000-c000-000000000000"
"""Application id of Microsoft Graph in every tenant."""
UPLOAD, READ_LOG = "SynchronizationData-User.Upload", "ProvisioningLog.Read.All"
OWNED = ".OwnedBy"
ROLES = {
    UPLOAD: "db31e92a-b9ea-4d87-bf6a-75a37a9ca35a",
    f"{UPLOAD}{OWNED}": "25c32ff3-849a-494b-b94f-20a8ac4e6774",
    READ_LOG: "091937d3-3e38-47a1-8649-b2f99d3035f1",
}
"""Ids of the app roles, the same in every tenant (https://learn.microsoft.com/graph/permissions-reference)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission of a client.

    Attributes:
        name: Such as ``ProvisioningLog.Read.All``.
        role: Id of the app role.
        done: Whether it was granted now; else it was there.
    """

    name: str
    role: str
    done: bool


@dataclass(frozen=True, slots=True)
class Client:
    """An API client: its service principal's object id, its application id and its name."""

    principal: str
    application: str
    name: str


def find_client(graph: Graph, ident: str) -> Client:
    """Find an API client by the object id of its service principal, or its application (client) id.

    Raises:
        UsageError: There is none.
        GraphRefusal: Graph does not say.
    """
    try:
        document = graph.get(f"/servicePrincipals/{ident}")
    except GraphRefusal as error:
        if error.status not in (400, 404):
            raise
        found = graph.listing("/servicePrincipals", filter=f"appId eq {literal(ident)}")
        if not found:
            message = f"the tenant has no service principal with the object or application id {ident}"
            hint = "Look at Enterprise apps; a managed identity is there too, with Application type changed."
            raise UsageError(Problem(Code.NO_APP, message, hint=hint)) from None
        document = found[0]
    return Client(object_id(document), str(document.get("appId", "")), str(document.get("displayName", "")))


def needed(graph: Graph, tenant: Tenant, client: Client) -> tuple[str, str]:
    """The least permissions: those for apps of its own when the client has made the app."""
    owners = graph.listing(f"/servicePrincipals/{tenant.principal}/owners")
    mine = any(object_id(owner) == client.principal for owner in owners)
    return (f"{UPLOAD}{OWNED}" if mine else UPLOAD, READ_LOG)


def grant(graph: Graph, tenant: Tenant, client: Client) -> list[Grant]:
    """Grant what is missing.

    Raises:
        GraphRefusal: The caller may not; :func:`steps` says how somebody else can.
        SignInError: No token, or a fresh one is refused.
    """
    resource, roles = _roles(graph)
    path = f"/servicePrincipals/{client.principal}/appRoleAssignments"
    there = {each["appRoleId"] for each in graph.listing(path)}
    grants = []
    for name in needed(graph, tenant, client):
        # What is for all apps is enough for one's own.
        wider = roles.get(name.removesuffix(OWNED), "")
        missing = roles[name] not in there and wider not in there
        if missing:
            body = {"principalId": client.principal, "resourceId": resource, "appRoleId": roles[name]}
            graph.post(path, body)
        grants.append(Grant(name, roles[name], missing))
    return grants


def _roles(graph: Graph) -> tuple[str, dict[str, str]]:
    """Object id of Graph's own service principal, and its app roles by name."""
    [document] = graph.listing("/servicePrincipals", filter=f"appId eq {literal(GRAPH_APPLICATION)}")[:1]
    return object_id(document), {each["value"]: each["id"] for each in document.get("appRoles", [])}


def steps(client: Client, names: tuple[str, ...]) -> list[str]:
    """What somebody who may must do: in the portal, or with the Azure CLI for a managed identity."""
    place = f"App registrations > {client.name} > API permissions > Add a permission > Microsoft Graph"
    url = f"https://graph.microsoft.com/v1.0/servicePrincipals/{client.principal}/appRoleAssignments"
    body = f'{{"principalId": "{client.principal}", "resourceId": "GRAPH", "appRoleId": "ROLE"}}'
    return [
        "In the Entra admin center, as Privileged Role Administrator or Global Administrator:",
        f"  {place} > Application permissions: {', '.join(names)}",
        "  then Grant admin consent.",
        "A managed identity has no such page. Grant each permission with the Azure CLI:",
        f"  az rest --method POST --url {url} --body '{body}'",
        f"  GRAPH is the object id of the service principal of {GRAPH_APPLICATION}; ROLE is one of:",
        *(f"  {ROLES[name]}  {name}" for name in names),
    ]
