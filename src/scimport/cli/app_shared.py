"""What the commands of ``scimport app`` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from scimport.cli import options

if TYPE_CHECKING:
    from scimport.apps.auth import Authenticator
    from scimport.apps.graph import Graph
    from scimport.apps.hosts import Endpoint
    from scimport.project import Pipeline, Project
    from scimport.provisioning.apply import Job
    from scimport.provisioning.tenant import Tenant

DIFFERENT = 2
"""Exit code when the app is not as the file describes it."""

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class Managed:
    """A pipeline whose app is looked at.

    Attributes:
        project: The project folder.
        pipeline: The pipeline.
        endpoint: Its endpoint; None for the sandbox.
        graph: How the tenant is called.
    """

    project: Project
    pipeline: Pipeline
    endpoint: Endpoint | None
    graph: Graph

    def tenant(self) -> Tenant:
        """The app with its job.

        Raises:
            UsageError: There is none, or several.
        """
        from scimport.provisioning.tenant import required  # noqa: PLC0415 - not needed for --help

        return required(self.graph, self.pipeline, self.endpoint)

    def sign_in(self) -> Authenticator:
        """How who uploads signs in, which need not be who manages the app.

        Raises:
            SignInError: A token that cannot be one.
        """
        from scimport.apps.auth import authenticator  # noqa: PLC0415 - not needed for --help

        return authenticator(self.pipeline.config.app.auth, self.graph.endpoint.cloud, self.project.root)

    def job(self) -> Job:
        """What an apply works on.

        Raises:
            ConfigError: A file of the mapping is wrong.
            UsageError: The pipeline does not describe its app.
        """
        # Not needed for --help.
        from scimport.provisioning.apply import Job  # noqa: PLC0415
        from scimport.provisioning.wanted import wanted_app  # noqa: PLC0415

        wanted = wanted_app(self.project, self.pipeline)
        return Job(self.project, self.pipeline, self.endpoint, wanted, self.graph)


@contextmanager
def managed(context: typer.Context, name: str) -> Iterator[Managed]:
    """Open the tenant of a pipeline's app.

    Raises:
        ConfigError: A file of the project is wrong, or the endpoint is not safe.
        UsageError: There is no such pipeline.
    """
    from scimport.connection import checked_endpoint, graph_of  # noqa: PLC0415 - not needed for --help

    project = options.find(context)
    pipeline = project.pipeline(name)
    with graph_of(project, pipeline) as graph:
        yield Managed(project, pipeline, checked_endpoint(pipeline), graph)


def time_shown(text: str) -> str:
    """A time of Graph, to the second."""
    return f"{text[:19].replace('T', ' ')} UTC" if text else "never"
