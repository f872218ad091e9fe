"""The way to a pipeline's app: its checked endpoint and its sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from scimport.apps.app import App
from scimport.apps.auth import authenticator
from scimport.apps.hosts import Endpoint, check_endpoint
from scimport.codes import Code
from scimport.errors import ConfigError, UsageError
from scimport.model import Problem
from scimport.project import Pipeline, Project

if TYPE_CHECKING:
    from scimport.apps.graph import Graph


def checked_endpoint(pipeline: Pipeline) -> Endpoint | None:
    """The endpoint of a pipeline's app, refused if people or a token must not be sent there.

    Returns:
        ``None`` for the sandbox, which has its endpoint when it runs.

    Raises:
        ConfigError: With one problem, ``unsafe-endpoint``.
    """
    if pipeline.config.app.endpoint == "sandbox":
        return None
    return _checked(pipeline, pipeline.config.app.endpoint)


def _checked(pipeline: Pipeline, url: str) -> Endpoint:
    app = pipeline.config.app
    endpoint = check_endpoint(
        url,
        trusted_hosts=app.trusted_hosts,
        token=app.auth != "none",
        file=pipeline.document.file,
        line=pipeline.document.line(("app", "endpoint")),
    )
    # Entra's limits are there, kept or not; and nothing says that it takes compressed requests.
    for key, is_meant in (("limits", app.limits == "none"), ("gzip", app.gzip)):
        if is_meant and endpoint.on_graph:
            message = f"{key} cannot be other than it is for Microsoft Graph"
            hint = "Take the key away; it is for endpoints of other makers."
            raise ConfigError(pipeline.document.problem(Code.BAD_VALUE, ("app", key), message, hint))
    return endpoint


@contextmanager
def connected(project: Project, pipeline: Pipeline) -> Iterator[App]:
    """What deliveries of a pipeline go to.

    Raises:
        ConfigError: The endpoint is not safe.
        SignInError: A token that cannot be one.
    """
    config = pipeline.config.app
    with ExitStack() as exits:
        endpoint = checked_endpoint(pipeline)
        if endpoint is None:
            endpoint = _checked(pipeline, exits.enter_context(sandbox_endpoint(project, pipeline)))
        if endpoint.bare:
            raise _no_app(pipeline)
        sign_in = authenticator(config.auth, endpoint.cloud, project.root)
        yield App(
            endpoint, sign_in, pipeline.name, bucket_full_wait=config.bucket_full_wait, gzip=config.gzip
        )


@contextmanager
def graph_of(project: Project, pipeline: Pipeline) -> Iterator[Graph]:
    """Graph as it is called to manage a pipeline's app, which need not be there yet.

    Raises:
        ConfigError: The endpoint is not safe.
        SignInError: A token that cannot be one.
    """
    # Imported here: who only delivers does not need it.
    from scimport.apps.graph import Graph  # noqa: PLC0415

    config = pipeline.config.app
    with ExitStack() as exits:
        endpoint = checked_endpoint(pipeline)
        if endpoint is None:
            endpoint = _checked(pipeline, exits.enter_context(running_sandbox(project)))
        sign_in = authenticator(
            config.auth if config.admin is None else config.admin, endpoint.cloud, project.root
        )
        yield exits.enter_context(Graph(App(endpoint, sign_in)))


def _no_app(pipeline: Pipeline) -> UsageError:
    place, message = ("app", "endpoint"), "there is no app yet that could take people"
    hint = f"Make it: scimport app apply {pipeline.name}; or write the app's Provisioning API Endpoint here."
    return UsageError(pipeline.document.problem(Code.NO_APP, place, message, hint))


@contextmanager
def running_sandbox(project: Project) -> Iterator[str]:
    """Base URL of the project's sandbox, which is started for the time if none is running."""
    # Imported here: who delivers to a real endpoint needs no web server.
    from scimport.sandbox import find_running, run_sandbox  # noqa: PLC0415

    folder = project.data_dir / "sandbox"
    with ExitStack() as exits:
        yield find_running(folder) or exits.enter_context(run_sandbox(folder)).base_url


@contextmanager
def sandbox_endpoint(project: Project, pipeline: Pipeline) -> Iterator[str]:
    """URL of a pipeline's app in the project's sandbox, which is started for the time if none is running."""
    with running_sandbox(project) as base_url:
        yield register_app(base_url, pipeline)


def register_app(base_url: str, pipeline: Pipeline) -> str:
    """Make sure that the sandbox has an app for a pipeline; returns its bulkUpload URL."""
    import ssl  # noqa: PLC0415 - as above

    import httpx  # noqa: PLC0415 - as above

    app = pipeline.config.app
    wanted = {"name": app.name or pipeline.name, "target": app.target}
    # Plain http: an empty context saves loading the authorities.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    answer = httpx.post(f"{base_url}/sandbox/apps", json=wanted, trust_env=False, verify=context)
    if answer.is_error:
        message = f"the sandbox has no app for {pipeline.name}: {answer.json()['error']['message']}"
        hint = "Remove .scimport/sandbox to begin with an empty sandbox."
        raise UsageError(Problem(Code.ENDPOINT_REFUSES, message, hint=hint))
    return str(answer.json()["endpoint"])
