"""``scimport serve``, ``deploy`` and ``sandbox``: what runs until it is stopped, or elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output

_Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port on 127.0.0.1.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    app.command("deploy")(deploy)
    app.command("sandbox")(sandbox)


def serve(context: typer.Context, port: _Port = None, as_json: options.Json = False) -> None:
    """Run the schedules of all pipelines on this machine, with Prefect's pages, until Ctrl-C."""
    from scimport.flows import serve as serve_flows  # noqa: PLC0415 - Prefect is slow to import

    project, output = options.find(context), Output(as_json=as_json)

    def ready(url: str, names: list[str]) -> None:
        output.say(f"Prefect's pages: {url}")
        output.say(f"Pipelines: {', '.join(names)}. Stop with Ctrl-C.")
        output.json({"url": url, "deployments": names})

    serve_flows(project, port=port, on_ready=ready)


def deploy(
    context: typer.Context,
    pool: Annotated[
        str, typer.Option("--pool", metavar="NAME", help="Prefect work pool whose workers run the flows.")
    ],
    as_json: options.Json = False,
) -> None:
    """Register the pipelines with a Prefect server, for workers elsewhere to run."""
    from scimport.flows import deploy as deploy_flows  # noqa: PLC0415 - Prefect is slow to import

    output = Output(as_json=as_json)
    names = deploy_flows(options.find(context), pool=pool)
    for name in names:
        output.say(name)
    output.json({"pool": pool, "deployments": names})


def sandbox(context: typer.Context, port: _Port = None, as_json: options.Json = False) -> None:
    """Serve the sandbox, a local stand-in for Microsoft Entra, until Ctrl-C."""
    from scimport.sandbox import register_app, serve_forever  # noqa: PLC0415 - needs a web server

    project, output = options.find(context), Output(as_json=as_json)

    def ready(url: str) -> None:
        apps = {
            name: register_app(url, name, project.pipeline(name).config.app.target)
            for name in project.pipeline_names
        }
        output.say(f"The sandbox serves {url}. Stop with Ctrl-C.")
        output.table("", ("pipeline", "endpoint"), apps.items())
        output.json({"url": url, "endpoints": apps})

    serve_forever(project.data_dir / "sandbox", port or 0, on_ready=ready)
