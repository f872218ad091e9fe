"""What a call of Graph is about: a service principal, in a transaction, for somebody who may."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from scimport.sandbox import principals
from scimport.sandbox.principals import Principal
from scimport.sandbox.settings import Settings
from scimport.sandbox.tenant import Tenant
from scimport.sandbox.web import authorization, json_answer, tenant_of


@dataclass(frozen=True, slots=True)
class Subject:
    """A transaction about one service principal.

    Attributes:
        tenant: The tenant.
        connection: Its database, in a transaction.
        settings: Its settings.
        principal: The service principal that the path names.
        at: The present.
    """

    tenant: Tenant
    connection: sqlite3.Connection
    settings: Settings
    principal: Principal
    at: int


@contextmanager
def about(request: Request, permissions: tuple[str, ...]) -> Iterator[Subject]:
    """Look the service principal of a path up, for somebody who may.

    Raises:
        GraphError: 401, 403, 404.
    """
    tenant, ident = tenant_of(request), request.path_params["principal"]
    tenant.authorize(authorization(request), permissions, ident)
    with tenant.store.transaction() as connection:
        at = tenant.now()
        principal = principals.find(connection, ident, at)
        yield Subject(tenant, connection, tenant.settings, principal, at)


def collection(items: list[dict[str, Any]]) -> Response:
    """An answer that is a collection of Graph."""
    return json_answer({"value": items})


def done() -> Response:
    """The 204 of a call that has nothing to show."""
    return Response(status_code=204)
