"""Graph's calls about synchronization: secrets, job templates, jobs and their schemas.

``https://learn.microsoft.com/graph/api/resources/synchronization-overview``
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scimport.sandbox import apps, job_settings, lifecycle, parsing, principals, processing, schemas
from scimport.sandbox.apps import App
from scimport.sandbox.attributes import TARGETS
from scimport.sandbox.graph import GraphError, Reason, invalid
from scimport.sandbox.mappings import MappingError
from scimport.sandbox.subject import Subject, about, collection, done
from scimport.sandbox.tenant import READ_JOB, WRITE_JOB
from scimport.sandbox.web import BEFORE_READING, answered, json_answer, json_body, tenant_of

PATCH_JOB = ("Synchronization.ReadWrite.All",)


def routes() -> list[BaseRoute]:
    """The routes, below a version."""
    principal = "/servicePrincipals/{principal}"
    sync = f"{principal}/synchronization"
    job, template = f"{sync}/jobs/{{job}}", f"{sync}/templates/{{template}}"
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", f"{sync}/secrets", get_secrets),
        ("PUT", f"{sync}/secrets", put_secrets),
        ("GET", f"{sync}/templates", list_job_templates),
        ("GET", template, get_job_template),
        ("GET", f"{template}/schema", get_template_schema),
        ("GET", f"{sync}/jobs", list_jobs),
        ("POST", f"{sync}/jobs", create_job),
        ("GET", job, get_job),
        ("PATCH", job, patch_job),
        ("DELETE", job, delete_job),
        ("POST", f"{job}/start", start),
        ("POST", f"{job}/pause", pause),
        ("POST", f"{job}/restart", restart),
        ("POST", f"{job}/validateCredentials", validate_credentials),
        ("POST", f"{job}/provisionOnDemand", provision_on_demand),
        ("GET", f"{job}/schema", get_schema),
        ("PUT", f"{job}/schema", put_schema),
        ("DELETE", f"{job}/schema", reset_schema),
        ("GET", f"{job}/schema/filterOperators", list_filter_operators),
        ("GET", f"{job}/schema/functions", list_functions),
        ("POST", f"{job}/schema/parseExpression", parse_expression),
    ]
    return [Route(path, answered(handler), methods=[method]) for method, path, handler in table]


def _job(work: Subject, request: Request) -> App:
    return apps.find(work.connection, request.path_params["job"], work.principal.id)


# Secrets and job templates


async def get_secrets(request: Request) -> Response:
    """``GET .../synchronization/secrets``: no password among them can be used again."""
    with about(request, READ_JOB) as work:
        return collection(job_settings.shown(work.principal.secrets))


async def put_secrets(request: Request) -> Response:
    """``PUT .../synchronization/secrets``: 204; it replaces all."""
    body = await json_body(request)
    with about(request, WRITE_JOB) as work:
        principals.replace_secrets(work.connection, work.principal, job_settings.read_body(body))
    return done()


async def list_job_templates(request: Request) -> Response:
    """``GET .../synchronization/templates``: what jobs can be made of."""
    with about(request, READ_JOB) as work:
        return collection([_job_template(work)] if work.principal.target else [])


async def get_job_template(request: Request) -> Response:
    """``GET .../synchronization/templates/{id}``."""
    with about(request, READ_JOB) as work:
        return json_answer(_known_template(work, request))


async def get_template_schema(request: Request) -> Response:
    """``GET .../synchronization/templates/{id}/schema``: the default of the jobs made of it."""
    with about(request, READ_JOB) as work:
        return json_answer(_known_template(work, request)["schema"])


def _job_template(work: Subject) -> dict[str, Any]:
    tag = TARGETS[work.principal.target].template
    schema = schemas.default(work.principal.target, tag, work.settings.ad_domain)
    return {"id": tag, "factoryTag": tag, "default": True, "discoverable": False, "schema": schema}


def _known_template(work: Subject, request: Request) -> dict[str, Any]:
    ident = request.path_params["template"]
    template = _job_template(work) if work.principal.target else None
    if template is None or template["id"] != ident:
        raise GraphError(404, Reason.UNKNOWN_PATH, f"The synchronization template '{ident}' does not exist.")
    return template


# Jobs


async def list_jobs(request: Request) -> Response:
    """``GET .../synchronization/jobs``."""
    tenant_of(request).work(BEFORE_READING)
    with about(request, READ_JOB) as work:
        found = apps.of_principal(work.connection, work.principal.id)
        return collection([apps.synchronization_job(work.connection, app, work.settings) for app in found])


async def create_job(request: Request) -> Response:
    """``POST .../synchronization/jobs`` with ``templateId``: 201; the job waits to be started."""
    body = await json_body(request)
    with about(request, WRITE_JOB) as work:
        target = work.principal.target
        if not target or body.get("templateId") != TARGETS[target].template:
            raise invalid("templateId must be the id of a synchronization template of the application.")
        made = sum(app.target == target for app in apps.listing(work.connection))
        if work.settings.jobs_per_target and made >= work.settings.jobs_per_target:
            message = f"The tenant's licence allows {work.settings.jobs_per_target} jobs of this kind."
            raise GraphError(403, Reason.FORBIDDEN, message)
        app = apps.add_job(work.connection, work.tenant.id, work.principal, work.at)
        return json_answer(apps.synchronization_job(work.connection, app, work.settings), 201)


async def get_job(request: Request) -> Response:
    """``GET .../jobs/{id}``: the synchronizationJob."""
    tenant_of(request).work(BEFORE_READING)
    with about(request, READ_JOB) as work:
        return json_answer(apps.synchronization_job(work.connection, _job(work, request), work.settings))


async def patch_job(request: Request) -> Response:
    """``PATCH .../jobs/{id}`` with ``synchronizationJobSettings``: 204."""
    body = await json_body(request)
    pairs = body.get("synchronizationJobSettings")
    if body.keys() != {"synchronizationJobSettings"} or not isinstance(pairs, list):
        raise invalid("The sandbox changes synchronizationJobSettings alone, a list of name and value.")
    with about(request, PATCH_JOB) as work:
        apps.replace_settings(work.connection, _job(work, request), pairs)
    return done()


async def delete_job(request: Request) -> Response:
    """``DELETE .../jobs/{id}``: 204; what it knew is lost."""
    with about(request, WRITE_JOB) as work:
        apps.delete(work.connection, _job(work, request))
    return done()


async def start(request: Request) -> Response:
    """``POST .../jobs/{id}/start``: 204; what waits in the bucket goes on."""
    with about(request, WRITE_JOB) as work:
        app = _job(work, request)
        job = apps.job_settings_of(work.connection, app)
        lifecycle.start(work.connection, app, job, work.settings, work.at)
    return done()


async def pause(request: Request) -> Response:
    """``POST .../jobs/{id}/pause``: 204; uploads are taken and wait."""
    with about(request, WRITE_JOB) as work:
        lifecycle.pause(work.connection, _job(work, request))
    return done()


async def restart(request: Request) -> Response:
    """``POST .../jobs/{id}/restart`` with ``criteria.resetScope``: 204."""
    scope = lifecycle.read_scope(await json_body(request) if await request.body() else {})
    with about(request, WRITE_JOB) as work:
        app = _job(work, request)
        job = apps.job_settings_of(work.connection, app)
        lifecycle.restart(work.connection, app, scope, job, work.settings, work.at)
    return done()


async def validate_credentials(request: Request) -> Response:
    """``POST .../jobs/{id}/validateCredentials``: 204 when the job can reach its directory."""
    body = await json_body(request) if await request.body() else {}
    given = job_settings.read_pairs(body.get("credentials") or [])
    with about(request, WRITE_JOB) as work:
        app = _job(work, request)
        saved = dict(work.principal.secrets) if body.get("useSavedCredentials", True) else {}
        job = job_settings.read_settings({**saved, **given})
        if trouble := lifecycle.obstacle(app, job, work.settings):
            agent = trouble is lifecycle.NO_AGENT
            raise GraphError(400, Reason.AGENT if agent else Reason.DOMAIN, trouble.message)
    return done()


async def provision_on_demand(request: Request) -> Response:
    """``POST .../jobs/{id}/provisionOnDemand``: refused, as for every API-driven job."""
    with about(request, WRITE_JOB) as work:
        _job(work, request)
    message = "Provision on demand is not supported for API-driven provisioning."
    raise GraphError(400, Reason.NOT_SUPPORTED, message)


# Schemas


async def get_schema(request: Request) -> Response:
    """``GET .../jobs/{id}/schema``."""
    with about(request, READ_JOB) as work:
        return json_answer(apps.schema(work.connection, _job(work, request), work.settings))


async def put_schema(request: Request) -> Response:
    """``PUT .../jobs/{id}/schema``: 204; it replaces all, and people are looked at again."""
    schema = await json_body(request)
    schemas.check(schema)
    with about(request, WRITE_JOB) as work:
        job = _job(work, request)
        try:
            processing.check_schema(schema, job.target, work.settings)
        except MappingError as error:
            raise invalid(str(error)) from error
        apps.replace_schema(work.connection, job, schema)
    return done()


async def reset_schema(request: Request) -> Response:
    """``DELETE .../jobs/{id}/schema``: 204; the default is back."""
    with about(request, WRITE_JOB) as work:
        apps.replace_schema(work.connection, _job(work, request), None)
    return done()


async def list_filter_operators(request: Request) -> Response:
    """``GET .../schema/filterOperators``: the operators of scoping filters."""
    with about(request, READ_JOB) as work:
        _job(work, request)
    return collection(schemas.filter_operators())


async def list_functions(request: Request) -> Response:
    """``GET .../schema/functions``: the functions of expressions."""
    with about(request, READ_JOB) as work:
        _job(work, request)
    return collection(parsing.functions())


async def parse_expression(request: Request) -> Response:
    """``POST .../schema/parseExpression``: an expression taken apart, and tried on a test."""
    body = await json_body(request)
    with about(request, READ_JOB) as work:
        _job(work, request)
        domain = work.settings.default_domain
    return json_answer(parsing.answer(body, domain))
