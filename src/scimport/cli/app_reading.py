"""``scimport app mappings``, ``agents``, ``grant`` and ``doctor``."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from scimport.cli import options
from scimport.cli.app_shared import DIFFERENT, managed
from scimport.cli.output import Output

_FAILED = 1


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (mappings, agents, grant, doctor):
        app.command()(command)


def mappings(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Show the app's attribute mappings, and which of them differ from the default."""
    # Not needed for --help.
    from scimport.provisioning.difference import described  # noqa: PLC0415
    from scimport.provisioning.schema import Parts  # noqa: PLC0415

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        tenant = found.tenant()
        parts, default = Parts(tenant.schema()), Parts(tenant.default_schema()).rows
    rows = []
    for target in sorted(parts.rows.keys() | default.keys(), key=str.lower):
        row, before = parts.rows.get(target), default.get(target)
        kind = "default" if row == before else "removed" if row is None else "changed" if before else "added"
        rows.append((target, described(row), kind, row, before))
    output.table(
        "", ("attribute", "expression", "is"), [(target, text, kind) for target, text, kind, *_ in rows]
    )
    output.json(
        {
            "pipeline": name,
            "mappings": [
                {
                    "attribute": target,
                    "is": kind,
                    "mapping": row and dataclasses.asdict(row),
                    "default": before and dataclasses.asdict(before),
                }
                for target, _, kind, row, before in rows
            ],
            "scoping_filter": parts.scope,
        }
    )


def agents(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Show the provisioning agents of Active Directory, and the domains that they have registered."""
    from scimport.provisioning.agents import agents as read_agents  # noqa: PLC0415 - not needed for --help

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        if found.pipeline.config.app.target != "on-premises-ad":
            output.say(f"{name} goes to Entra ID, which needs no agent.")
            output.json({"pipeline": name, "agents": [], "domains": []})
            return
        there = read_agents(found.graph)
    if there.agents:
        rows = [(each.machine, each.status, each.address) for each in there.agents]
        output.table("", ("server", "status", "address"), rows)
    else:
        output.say("No provisioning agent is registered.")
    output.say(f"Domains: {', '.join(there.domains) or 'none'}.")
    if there.hint:
        output.say(there.hint)
    output.json({"pipeline": name, **dataclasses.asdict(there), "hint": there.hint})
    raise typer.Exit(_FAILED if there.hint else 0)


def grant(
    context: typer.Context,
    name: options.Name,
    principal: Annotated[
        str,
        typer.Option(
            "--principal",
            metavar="ID",
            help="Object id of the client's service principal, or its application (client) id.",
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Give the client that uploads the least permissions it needs; or print the steps for who may."""
    from scimport.codes import Code  # noqa: PLC0415 - not needed for --help
    from scimport.errors import GraphRefusal  # noqa: PLC0415
    from scimport.provisioning import grants  # noqa: PLC0415

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        client = grants.find_client(found.graph, principal)
        tenant = found.tenant()
        try:
            done = grants.grant(found.graph, tenant, client)
        except GraphRefusal as error:
            if error.problems[0].code is not Code.PERMISSION_MISSING:
                raise
            names = grants.needed(found.graph, tenant, client)
            lines = grants.steps(client, names)
            Output(as_json=True).problems(error.problems)
            output.say("Somebody else must grant them:")
            for line in lines:
                output.say(line)
            output.json({"pipeline": name, "client": client.name, "granted": [], "steps": lines})
            raise typer.Exit(_FAILED) from None
    for each in done:
        output.say(f"  {each.name:<40}{'granted' if each.done else 'was there'}")
    output.say(f"'{client.name}' may upload. A new permission counts with its next token.")
    granted = [dataclasses.asdict(each) for each in done]
    output.json({"pipeline": name, "client": client.name, "granted": granted, "steps": []})


def doctor(context: typer.Context, name: options.Name, as_json: options.Json = False) -> None:
    """Check what the app needs: found or missing, and how to get it; exit code 2 when it has drifted."""
    # Not needed for --help.
    from scimport.findings import Result  # noqa: PLC0415
    from scimport.provisioning.checks import Subject, checks  # noqa: PLC0415
    from scimport.provisioning.wanted import wanted_app  # noqa: PLC0415

    output = Output(as_json=as_json)
    with managed(context, name) as found:
        wanted = wanted_app(found.project, found.pipeline) if found.pipeline.config.app.managed else None
        subject = Subject(found.project, found.pipeline, found.endpoint, wanted, found.graph, found.sign_in())
        findings = output.findings(checks(subject))
    output.json({"pipeline": name, "checks": [dataclasses.asdict(one) for one in findings]})
    results = {one.result for one in findings}
    if Result.MISSING in results or Result.UNKNOWN in results:
        raise typer.Exit(_FAILED)
    raise typer.Exit(DIFFERENT if Result.DIFFERENT in results else 0)
