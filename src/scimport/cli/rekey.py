"""``scimport rekey``."""

from __future__ import annotations

import base64
import os
from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rekey")(rekey)


def rekey(
    context: typer.Context,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Only print a new key, for SCIMPORT_STATE_KEY.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Convert the state to what state.values says, under a new key; go on with what was interrupted."""
    from scimport.state.access import keeping_of, url_of  # noqa: PLC0415 - not needed for --help
    from scimport.state.rekey import rekey as convert  # noqa: PLC0415
    from scimport.state.vault import KEY_SIZE  # noqa: PLC0415

    output = Output(as_json=as_json)
    if new_key:
        key = base64.b64encode(os.urandom(KEY_SIZE)).decode()
        if not as_json:
            output.say(key)
        output.json({"key": key})
        return
    state = options.find(context).state
    done = convert(url_of(state), keeping_of(state))
    if done.rewrapped:
        output.say("The state is under the key of now. Digests cannot be made anew without the values.")
    else:
        output.say(f"The state keeps values as `{done.after}`; {done.rows:,} rows were written anew.")
    output.json({"before": done.before, "after": done.after, "rows": done.rows, "rewrapped": done.rewrapped})
