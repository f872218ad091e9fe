"""``scimport serve``, ``deploy`` and ``sandbox``: what runs until it is stopped, or elsewhere."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output
from scimport.cli.run import waiting
from scimport.codes import Code
from scimport.errors import ScimportError, UsageError
from scimport.model import Problem

if TYPE_CHECKING:
    from scimport.project import Project

_Open = Annotated[bool, typer.Option("--open", help="Show its pages in the browser.")]
_Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port on 127.0.0.1.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    app.command("deploy")(deploy)
    app.command("sandbox")(sandbox)


def serve(context: typer.Context, port: _Port = None, as_json: options.Json = False) -> None:
    """Run the schedules of all pipelines on this machine, with Prefect's pages, until Ctrl-C."""
    from scimport.flows.server import check_api, running_server  # noqa: PLC0415 - not needed for --help
    from scimport.flows.settings import prepare  # noqa: PLC0415

    project, output = options.find(context), Output(as_json=as_json)
    _check_pipelines(project)
    with ExitStack() as exits:
        url = project.environment.get("PREFECT_API_URL")
        own_server = url is None
        if url is None:
            with waiting(output, "Starting Prefect ..."):
                url = exits.enter_context(running_server(project, port=port, pages=True))
        else:
            check_api(url)
            prepare(project, url)
        # Prefect reads its settings when it is imported: they must be in the environment before.
        from scimport.flows.deployments import serve_pipelines  # noqa: PLC0415

        served: list[str] = []

        def ready(names: list[str]) -> None:
            served.extend(names)
            pages = url.removesuffix("/api")
            output.say(f"Prefect's pages: {pages}")
            output.say(f"Served: {', '.join(names)}. Stop with Ctrl-C.")
            output.json({"url": pages, "api": url, "deployments": names})
            sys.stdout.flush()
            if as_json:
                os.dup2(2, 1)  # what Python flows print is not part of the document

        try:
            serve_pipelines(project, own_server=own_server, on_ready=ready)
        except ScimportError as error:
            if not served:
                raise
            # The one JSON document is printed.
            output.problems(error.problems)
            raise typer.Exit(error.exit_code) from None
    output.say("Stopped.")


def deploy(
    context: typer.Context,
    pool: Annotated[
        str, typer.Option("--pool", metavar="NAME", help="Prefect work pool whose workers run the flows.")
    ],
    as_json: options.Json = False,
) -> None:
    """Register the pipelines with a Prefect server, for workers elsewhere to run."""
    from scimport.flows.server import check_api, find_api  # noqa: PLC0415 - not needed for --help
    from scimport.flows.settings import prepare  # noqa: PLC0415

    project, output = options.find(context), Output(as_json=as_json)
    _check_pipelines(project)
    url = find_api(project)
    if url is None:
        hint = "Set PREFECT_API_URL to the server that the workers use."
        raise UsageError(Problem(Code.PREFECT_UNREACHABLE, "no Prefect API is configured", hint=hint))
    check_api(url)
    prepare(project, url)
    # As above.
    from scimport.flows.deployments import deploy_pipelines  # noqa: PLC0415

    names = deploy_pipelines(project, pool=pool)
    output.say(f"Deployed to {pool}: {', '.join(names)}.")
    output.json({"pool": pool, "api": url, "deployments": names})


def _check_pipelines(project: Project) -> None:
    """Say what is wrong with the files at once, not after a server has been started."""
    for name in project.pipeline_names:
        project.pipeline(name)


def sandbox(
    context: typer.Context, port: _Port = None, open_: _Open = False, as_json: options.Json = False
) -> None:
    """Serve the sandbox, a local stand-in for Microsoft Entra, until Ctrl-C."""
    from scimport.connection import register_app  # noqa: PLC0415
    from scimport.sandbox import find_running, serve_forever  # noqa: PLC0415 - needs a web server

    project, output = options.find(context), Output(as_json=as_json)
    folder = project.data_dir / "sandbox"
    if open_ and (running := find_running(folder)):
        output.say(f"The sandbox serves {running} already.")
        output.json({"url": running, "endpoints": {}})
        _browse(running, output)
        return

    def ready(url: str) -> None:
        apps = {name: register_app(url, project.pipeline(name)) for name in project.pipeline_names}
        output.say(f"The sandbox serves {url}. Stop with Ctrl-C.")
        output.table("", ("pipeline", "endpoint"), apps.items())
        output.json({"url": url, "endpoints": apps})
        if open_:
            _browse(url, output)

    serve_forever(folder, port or 0, on_ready=ready)


def _browse(url: str, output: Output) -> None:
    """Show a page in the browser."""
    if not webbrowser.open(url):
        output.say(f"No browser could be started: open {url} in one.")
