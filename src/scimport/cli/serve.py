"""``scimport serve``, ``deploy`` and ``sandbox``: what runs until it is stopped, or elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output
from scimport.codes import Code
from scimport.errors import UsageError
from scimport.model import Problem

_Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port on 127.0.0.1.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    app.command("deploy")(deploy)
    app.command("sandbox")(sandbox)


def serve(context: typer.Context, port: _Port = None, as_json: options.Json = False) -> None:
    """Run the schedules of all pipelines on this machine, with Prefect's pages, until Ctrl-C."""
    from scimport.flows.server import running_server  # noqa: PLC0415 - not needed for --help

    project, output = options.find(context), Output(as_json=as_json)

    def ready(url: str, names: list[str]) -> None:
        output.say(f"Prefect's pages: {url}")
        output.say(f"Pipelines: {', '.join(names)}. Stop with Ctrl-C.")
        output.json({"url": url, "deployments": names})

    with running_server(project, port) as url:
        # Prefect reads its settings when it is imported: the server has put them into the environment.
        from scimport.flows.deployments import serve_pipelines  # noqa: PLC0415

        serve_pipelines(project, on_ready=lambda names: ready(url.removesuffix("/api"), names))


def deploy(
    context: typer.Context,
    pool: Annotated[
        str, typer.Option("--pool", metavar="NAME", help="Prefect work pool whose workers run the flows.")
    ],
    as_json: options.Json = False,
) -> None:
    """Register the pipelines with a Prefect server, for workers elsewhere to run."""
    from scimport.flows.server import find_api  # noqa: PLC0415 - not needed for --help
    from scimport.flows.settings import prepare  # noqa: PLC0415

    project, output = options.find(context), Output(as_json=as_json)
    url = find_api(project)
    if url is None:
        hint = "Set PREFECT_API_URL to the server that the workers use."
        raise UsageError(Problem(Code.PREFECT_UNREACHABLE, "no Prefect API is configured", hint=hint))
    prepare(project.data_dir, url)
    # Prefect reads its settings when it is imported.
    from scimport.flows.deployments import deploy_pipelines  # noqa: PLC0415

    names = deploy_pipelines(project, pool=pool)
    for name in names:
        output.say(name)
    output.json({"pool": pool, "deployments": names})


def sandbox(context: typer.Context, port: _Port = None, as_json: options.Json = False) -> None:
    """Serve the sandbox, a local stand-in for Microsoft Entra, until Ctrl-C."""
    from scimport.connection import register_app  # noqa: PLC0415
    from scimport.sandbox import serve_forever  # noqa: PLC0415 - needs a web server

    project, output = options.find(context), Output(as_json=as_json)

    def ready(url: str) -> None:
        apps = {name: register_app(url, project.pipeline(name)) for name in project.pipeline_names}
        output.say(f"The sandbox serves {url}. Stop with Ctrl-C.")
        output.table("", ("pipeline", "endpoint"), apps.items())
        output.json({"url": url, "endpoints": apps})

    serve_forever(project.data_dir / "sandbox", port or 0, on_ready=ready)
