"""The app as it is in the tenant: found again, and read.

``https://learn.microsoft.com/graph/application-provisioning-configuration-api``
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scimport.apps.graph import Graph, literal
from scimport.apps.hosts import Endpoint
from scimport.codes import Code
from scimport.errors import AppError, GraphRefusal, UsageError
from scimport.model import Problem
from scimport.project import Pipeline
from scimport.provisioning.schema import Parts, Schema

Json = dict[str, Any]

FAMILY = "API-driven"
"""What the names of both apps in the gallery have in common, through all their changes."""
_ENTRA = ("entra id", "azure ad", "azure active directory")


@dataclass(frozen=True, slots=True)
class Tenant:
    """An app in the tenant.

    Attributes:
        graph: How it is called.
        principal: Object id of its service principal.
        name: Display name.
        application: Application (client) id.
        job: Its job; empty when there is none yet.
    """

    graph: Graph
    principal: str
    name: str
    application: str
    job: Json

    @property
    def sync(self) -> str:
        """Path of what belongs to provisioning."""
        return f"/servicePrincipals/{self.principal}/synchronization"

    @property
    def job_id(self) -> str:
        """Id of the job; empty when there is none yet."""
        return str(self.job.get("id", ""))

    @property
    def job_path(self) -> str:
        """Path of the job."""
        return f"{self.sync}/jobs/{self.job_id}"

    @property
    def endpoint(self) -> str:
        """The Provisioning API Endpoint: the URL that takes bulk requests."""
        return f"{self.graph.root}/v1.0{self.job_path}/bulkUpload"

    def schema(self) -> Schema:
        """Read the job's synchronizationSchema."""
        return self.graph.get(f"{self.job_path}/schema")

    def default_schema(self) -> Schema:
        """Read the schema that jobs of this kind begin with."""
        [template] = job_templates(self.graph, self.principal)[:1]
        return self.graph.get(f"{self.sync}/templates/{template}/schema")

    def secrets(self) -> list[Json]:
        """Read the secrets, without their passwords."""
        return self.graph.listing(f"{self.sync}/secrets")


def object_id(document: Json) -> str:
    """The object id; older answers call it ``objectId``."""
    return str(document.get("id") or document.get("objectId") or "")


def locate(graph: Graph, pipeline: Pipeline, endpoint: Endpoint | None) -> Tenant | None:
    """Find a pipeline's app: by the ids in its endpoint, else by its display name.

    Args:
        graph: How the tenant is called.
        pipeline: The pipeline.
        endpoint: Its endpoint; None for the sandbox.

    Returns:
        The app, with its job if it has one; None when there is none yet.

    Raises:
        UsageError: Several have the name, or the endpoint's is not there.
        GraphRefusal: Graph does not say.
        SignInError: No token, or a fresh one is refused.
    """
    if endpoint is not None and endpoint.service_principal:
        document = _by_id(graph, pipeline, endpoint.service_principal)
        return _with_job(graph, pipeline, document, endpoint.job)
    name = pipeline.config.app.name or pipeline.name
    found = [
        each
        for each in graph.listing("/servicePrincipals", filter=f"displayName eq {literal(name)}")
        if each.get("applicationTemplateId")
    ]
    if len(found) > 1:
        raise _ambiguous(pipeline, name, found)
    return _with_job(graph, pipeline, found[0]) if found else None


def required(graph: Graph, pipeline: Pipeline, endpoint: Endpoint | None) -> Tenant:
    """The same, for what cannot be done without an app and its job.

    Raises:
        UsageError: There is none, or several.
        GraphRefusal: Graph does not say.
        SignInError: No token, or a fresh one is refused.
    """
    tenant = locate(graph, pipeline, endpoint)
    if tenant is None or not tenant.job:
        what = "app" if tenant is None else "provisioning job of the app"
        message = f"there is no {what} '{pipeline.config.app.name or pipeline.name}' in the tenant yet"
        hint = f"Make it: scimport app apply {pipeline.name}"
        raise UsageError(Problem(Code.NO_APP, message, hint=hint, file=pipeline.document.file))
    return tenant


def _by_id(graph: Graph, pipeline: Pipeline, principal: str) -> Json:
    try:
        return graph.get(f"/servicePrincipals/{principal}")
    except GraphRefusal as error:
        if error.status != 404:
            raise
        message = f"the endpoint's service principal {principal} is not in the tenant"
        hint = "Correct app.endpoint; or cut it down to the host, and scimport app apply makes a new app."
        problem = pipeline.document.problem(Code.NO_APP, ("app", "endpoint"), message, hint)
        raise UsageError(problem) from None


def _with_job(graph: Graph, pipeline: Pipeline, document: Json, job: str = "") -> Tenant:
    principal = object_id(document)
    try:
        jobs = graph.listing(f"/servicePrincipals/{principal}/synchronization/jobs")
    except GraphRefusal as error:
        # A new service principal takes a while until it has a synchronization.
        if error.status != 404:
            raise
        jobs = []
    chosen = [each for each in jobs if not job or str(each["id"]).lower() == job.lower()]
    if len(chosen) > 1:
        names = ", ".join(str(each["id"]) for each in chosen)
        message = f"the app has several provisioning jobs: {names}"
        hint = "Write the endpoint of the right one into the pipeline."
        raise UsageError(pipeline.document.problem(Code.AMBIGUOUS_APP, ("app", "endpoint"), message, hint))
    name, application = str(document.get("displayName", "")), str(document.get("appId", ""))
    return Tenant(graph, principal, name, application, chosen[0] if chosen else {})


def _ambiguous(pipeline: Pipeline, name: str, found: Sequence[Json]) -> UsageError:
    ids = ", ".join(object_id(each) for each in found)
    message = f"several apps of the tenant are called '{name}': their service principals are {ids}"
    hint = "Write the Provisioning API Endpoint of the right one into the pipeline, or rename the others."
    return UsageError(pipeline.document.problem(Code.AMBIGUOUS_APP, ("app", "name"), message, hint))


def find_template(graph: Graph, target: str, wanted: str = "") -> Json:
    """Find the app in the gallery, by its name, which Microsoft has changed before.

    Args:
        graph: How the tenant is called.
        target: ``entra-id`` or ``on-premises-ad``.
        wanted: Name or id that somebody has chosen; empty for what fits the target.

    Raises:
        UsageError: None fits, or several do.
        GraphRefusal: Graph does not say.
    """
    gallery = graph.listing("/applicationTemplates", filter=f"contains(displayName,{literal(FAMILY)})")
    chosen = [each for each in gallery if _fits(each, target, wanted)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(f"'{each.get('displayName')}' ({each.get('id')})" for each in gallery) or "none"
    what = f"'{wanted}'" if wanted else f"for {target}"
    count = "several apps" if chosen else "no app"
    message = f"the gallery has {count} {what}; with {FAMILY} in their names it has {names}"
    raise UsageError(Problem(Code.NO_APP, message, hint="Choose one with --template NAME or --template ID."))


def _fits(template: Json, target: str, wanted: str) -> bool:
    name = str(template.get("displayName", "")).casefold()
    if wanted:
        return wanted.casefold() in (name, str(template.get("id")).casefold())
    on_premises = "on-premises" in name
    if target == "on-premises-ad":
        return on_premises
    return not on_premises and any(words in name for words in _ENTRA)


def job_templates(graph: Graph, principal: str) -> list[str]:
    """Ids of what the app's jobs can be made of; they are read, never assumed."""
    path = f"/servicePrincipals/{principal}/synchronization/templates"
    found = [str(each["id"]) for each in graph.listing(path)]
    if not found:
        message = "the app has no template for a provisioning job"
        hint = "It is not an API-driven provisioning app: choose another with --template."
        raise AppError(Problem(Code.GRAPH_REFUSES, message, hint=hint, field="app"))
    return found


def parts_of(tenant: Tenant) -> Parts:
    """The job's schema, taken apart."""
    return Parts(tenant.schema())
