"""``scimport app``: the provisioning app behind a pipeline."""

from __future__ import annotations

import typer

from scimport.cli import app_changes, app_job, app_reading


def register(app: typer.Typer) -> None:
    """Add the group with its commands."""
    group = typer.Typer(
        name="app",
        help="The provisioning app behind a pipeline: make it, configure it, start it, stop it, watch it.",
        no_args_is_help=True,
    )
    for module in (app_changes, app_job, app_reading):
        module.register(group)
    app.add_typer(group)
