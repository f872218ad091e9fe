"""The Typer application: the commands, and how errors become messages and exit codes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from scimport import __version__
from scimport.cli.commands import Commands
from scimport.cli.output import Output, problem_document
from scimport.errors import ScimportError

app = typer.Typer(
    name="scimport",
    cls=Commands,
    help="Carries people from CSV files and SQL tables to SCIM endpoints.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scimport {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option("--project", metavar="DIR", help="The project folder; else found upwards."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = project


def main() -> None:
    """Run the command line.

    Exit codes: 0 done; 1 failed; 2 wrong use or configuration; 3 stopped by a guard; 4 done, but some
    records are invalid or rejected.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except ScimportError as error:
        report(error, as_json="--json" in sys.argv)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        Output(as_json=True).say("Stopped.")
        raise SystemExit(1) from None


def report(error: ScimportError, *, as_json: bool) -> None:
    """Print an error for the person who must act on stderr, and as the JSON document if asked for."""
    Output(as_json=True).problems(error.problems)
    Output(as_json=as_json).json({"error": [problem_document(problem) for problem in error.problems]})


def _terminate(_number: int, _frame: FrameType | None) -> None:
    # A service manager's stop is treated as Ctrl-C: what is in flight is finished and written down.
    raise KeyboardInterrupt
