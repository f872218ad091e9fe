"""The sandbox's pages: what a browser shows of the tenant. Made on the server, without scripts.

Values of people are shown: they are those of a stand-in on loopback. So only a browser that asks for a
loopback name gets them (a name of elsewhere may have been pointed here), and only these pages may press their
buttons.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from scimport.sandbox import apps, clock, lifecycle, logs, processing, summaries, views
from scimport.sandbox.apps import App
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.graph import GraphError, Reason, invalid
from scimport.sandbox.web import BEFORE_READING, app_of, origin, tenant_of

Handler = Callable[[Request], Awaitable[Response]]

PEOPLE: Final = 50
"""People and entries of a page."""
ACTIONS: Final = ("create", "update", "disable", "stageddelete", "other")
STATUSES: Final = ("success", "failure", "skipped")
_NAMES: Final = {"entra-id": "Microsoft Entra ID", "on-premises-ad": "Active Directory"}
_PARTS: Final = re.compile(r"@?[^:.,=@]*[:.,=]?", re.DOTALL)
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


def routes() -> list[BaseRoute]:
    """The pages, below ``/``."""
    return [
        Route("/", _shown(list_apps), methods=["GET"]),
        Route("/style.css", _shown(style), methods=["GET"]),
        Route("/log", _shown(list_log), methods=["GET"]),
        Route("/log/{entry:int}", _shown(show_entry), methods=["GET"]),
        Route("/apps/{job}", _shown(show_app), methods=["GET"]),
        Route("/apps/{job}/mappings", _shown(list_mappings), methods=["GET"]),
        Route("/apps/{job}/people", _shown(list_people), methods=["GET"]),
        Route("/apps/{job}/person", _shown(show_person), methods=["GET"]),
        Route("/apps/{job}/log", _shown(list_log), methods=["GET"]),
        Route("/apps/{job}/{action}", _shown(press), methods=["POST"]),
    ]


async def list_apps(request: Request) -> Response:
    """``/``: the apps of the tenant."""
    connection = tenant_of(request).store.connection
    rows = [(app, _job(request, app), views.counts(connection, app)) for app in apps.listing(connection)]
    return _page(request, "apps.html", "Apps", rows=rows)


async def show_app(request: Request) -> Response:
    """``/apps/{job}``: state with its buttons, endpoint, statistics."""
    tenant, app = tenant_of(request), app_of(request)
    connection = tenant.store.connection
    path = f"/v1.0/servicePrincipals/{app.principal}/synchronization/jobs/{app.job}/bulkUpload"
    return _app_page(
        request,
        "app.html",
        app,
        "Overview",
        job=_job(request, app),
        settings=apps.job_settings_of(connection, app),
        counts=views.counts(connection, app),
        state=views.state(connection, app),
        endpoint=f"{origin(request)}{path}",
        purges=bool(app.queued and not app.runs),
    )


async def press(request: Request) -> Response:
    """``POST /apps/{job}/start``, ``stop``, ``restart``, ``allow-deletes``: and back to the app."""
    _check_origin(request)
    tenant, app = tenant_of(request), app_of(request)
    action = request.path_params["action"]
    at, settings = tenant.now(), tenant.settings
    with tenant.store.transaction() as connection:
        job = apps.job_settings_of(connection, app)
        if action == "start":
            lifecycle.start(connection, app, job, settings, at)
        elif action == "stop":
            lifecycle.pause(connection, app)
        elif action == "restart":
            lifecycle.restart(connection, app, lifecycle.DEFAULT_SCOPE, job, settings, at)
        elif action == "allow-deletes":
            lifecycle.restart(connection, app, {"ForceDeletes"}, job, settings, at)
        else:
            raise invalid("There is no such button.")
    return RedirectResponse(f"/apps/{app.job}", 303)


async def list_mappings(request: Request) -> Response:
    """``/apps/{job}/mappings``: the attribute mappings and the scope."""
    tenant, app = tenant_of(request), app_of(request)
    mapping = processing.mapping_of(tenant.store.connection, app, tenant.settings)
    lines = sorted(
        (*mapping.mappings, *mapping.references), key=lambda line: (not line.precedence, line.target.lower())
    )
    return _app_page(request, "mappings.html", app, "Mappings", mapping=mapping, lines=lines)


async def list_people(request: Request) -> Response:
    """``/apps/{job}/people``: people by key; ``q`` is how a key begins, or part of a name."""
    app, query = app_of(request), request.query_params
    wanted, after = query.get("q", "").strip(), query.get("after", "")
    connection = tenant_of(request).store.connection
    people, beyond = views.people(connection, app, wanted, after, PEOPLE)
    enabled = TARGETS[app.target].enabled
    return _app_page(
        request,
        "people.html",
        app,
        "People",
        people=people,
        q=wanted,
        more=_link(request, after=beyond) if beyond else "",
        enabled=enabled,
        after=after,
    )


async def show_person(request: Request) -> Response:
    """``/apps/{job}/person?id=``: one person, as received and as the directory has it."""
    tenant, app = tenant_of(request), app_of(request)
    connection, source = tenant.store.connection, request.query_params.get("id", "")
    found = apps.people(connection, app, "", 1, [source])
    if not found:
        raise GraphError(404, Reason.UNKNOWN_PATH, "The app has provisioned nobody of this key.")
    mapping = processing.mapping_of(connection, app, tenant.settings)
    made = {line.target: line.text for line in (*mapping.mappings, *mapping.references)}
    entries, _ = _entries(request, {"job": app.job, "person": source}, None)
    return _app_page(
        request,
        "person.html",
        app,
        "People",
        person=found[0],
        received=views.flatten(found[0]["received"]),
        made=made,
        entries=entries[:10],
    )


async def list_log(request: Request) -> Response:
    """``/log`` and ``/apps/{job}/log``: the provisioning log, newest first, with filters."""
    query = request.query_params
    chosen = {name: query.get(name, "").strip() for name in ("status", "action", "person")}
    app = app_of(request) if "job" in request.path_params else None
    entries, token = _entries(request, {**chosen, "job": app.job if app else ""}, query.get("after"))
    values: dict[str, Any] = {
        "entries": entries,
        "chosen": chosen,
        "more": _link(request, after=token) if token else "",
        "statuses": STATUSES,
        "actions": ACTIONS,
        "after": query.get("after"),
    }
    if app:
        return _app_page(request, "log.html", app, "Provisioning log", **values)
    return _page(request, "log.html", "Provisioning log", app=None, tab="", **values)


async def show_entry(request: Request) -> Response:
    """``/log/{entry}``: one entry with its steps and what it changed."""
    tenant = tenant_of(request)
    row = views.entry(tenant.store.connection, request.path_params["entry"])
    if row is None:
        raise GraphError(404, Reason.UNKNOWN_PATH, "The provisioning log has no such entry.")
    return _page(request, "entry.html", "Log entry", entry=summaries.render(row, tenant.id, beta=False))


async def style(_: Request) -> Response:
    """``/style.css``."""
    return Response(_style(), media_type="text/css")


@cache
def _style() -> str:
    return (resources.files("scimport.sandbox") / "templates" / "style.css").read_text("utf-8")


def _entries(
    request: Request, wanted: Mapping[str, str], after: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the log as Graph shows it, each entry with its row, and where the next begins."""
    tenant = tenant_of(request)
    fields = {
        "job": "jobid",
        "status": "provisioningStatusInfo/status",
        "action": "provisioningAction",
        "person": "sourceIdentity/id",
    }
    clauses = [
        f"{fields[name]} eq '" + value.replace("'", "''") + "'" for name, value in wanted.items() if value
    ]
    parameters = {"$filter": " and ".join(clauses), "$top": str(PEOPLE)}
    if after:
        parameters["$skiptoken"] = after
    query = logs.parse(parameters, tenant.settings)
    rows, position = logs.read(tenant.store.connection, query, tenant.settings, tenant.now())
    entries = [{**summaries.render(row, tenant.id, beta=False), "row": row["id"]} for row in rows]
    return entries, logs.token_of(position) if position else None


def _job(request: Request, app: App) -> dict[str, Any]:
    tenant = tenant_of(request)
    return apps.synchronization_job(tenant.store.connection, app, tenant.settings)


def _link(request: Request, **parameters: str) -> str:
    """This page with other parameters."""
    return f"?{urlencode({**request.query_params, **parameters})}"


def _app_page(request: Request, name: str, app: App, tab: str, **values: Any) -> Response:
    return _page(request, name, f"{tab} - {app.name}", app=app, tab=tab, **values)


def _page(request: Request, name: str, title: str, status: int = 200, **values: Any) -> Response:
    tenant = tenant_of(request)
    general = {"title": title, "tenant": tenant.id, "targets": _NAMES, "now": clock.iso(tenant.now())}
    html = _environment().get_template(name).render({"app": None, "tab": "", **general, **values})
    return Response(html, status, media_type="text/html")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("scimport.sandbox"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": _moment, "query": urlencode, "broken": _broken}
    environment.globals |= {
        "state_word": _state_word,
        "state_class": _state_class,
        "status_class": _status_class,
    }
    environment.tests["never"] = lambda text: not text or text.startswith("0001-")
    return environment


def _moment(text: str) -> str:
    """A time of Graph as people read it."""
    return f"{text[:10]} {text[11:19]}"


def _broken(text: object) -> Markup:
    """A long name or address, with the places where it may go on in the next line."""
    return Markup("<wbr>").join(filter(None, _PARTS.findall(str(text))))


def _state_word(app: App) -> str:
    if app.quarantined and app.state == "Active":
        return "Quarantine"
    return {"Active": "Running", "Paused": "Stopped", "Disabled": "Not started"}[app.state]


def _state_class(app: App) -> str:
    return "good" if app.runs else "bad" if app.state == "Active" else "pause"


def _status_class(status: str) -> str:
    return {"success": "good", "failure": "bad"}.get(status, "pause")


def _shown(handler: Handler) -> Handler:
    """A handler whose errors are pages, for a browser on this machine only."""

    async def show(request: Request) -> Response:
        try:
            _check_host(request)
            tenant_of(request).work(BEFORE_READING)
            response = await handler(request)
        except GraphError as error:
            response = _page(request, "error.html", "Not found", error.status, message=error.message)
        response.headers.update(_HEADERS)
        return response

    return show


def _check_host(request: Request) -> None:
    """Refuse a name of elsewhere that was pointed at this machine.

    Raises:
        GraphError: 403.
    """
    name = re.sub(r":\d+$", "", request.headers.get("host", ""))
    if name not in _LOOPBACK:
        raise GraphError(403, Reason.FORBIDDEN, "The sandbox shows its pages at a loopback address only.")


def _check_origin(request: Request) -> None:
    """Refuse a button that was pressed on a page of somebody else.

    Raises:
        GraphError: 403.
    """
    given = request.headers.get("origin")
    if given != origin(request):
        raise GraphError(403, Reason.FORBIDDEN, "Buttons work from the sandbox's own pages only.")
