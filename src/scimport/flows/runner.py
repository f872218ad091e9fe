"""Pipeline runs as flow runs of this process, as the command line and the demo want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from scimport.flows.server import running_server
from scimport.flows.settings import prepare
from scimport.model import RunSummary

if TYPE_CHECKING:
    from scimport.plan import Selection
    from scimport.project import Project
    from scimport.stages import Progress


@contextmanager
def flow_runner(project: Project, url: str | None) -> Iterator[Callable[..., RunSummary]]:
    """Give a function that runs a pipeline as a flow, and returns when it has ended.

    Args:
        project: The project folder.
        url: Prefect API to use; a server is run for the time of the block when it is ``None``.

    Raises:
        ScimportError: The server does not start.
    """
    with ExitStack() as exits:
        url = url or exits.enter_context(running_server(project))
        prepare(project.data_dir, url, quiet=True)
        yield _run


def _run(
    project: Project,
    name: str,
    selection: Selection,
    *,
    show_values: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunSummary:
    # Prefect reads its settings when it is imported: only now are they there.
    from scimport.flows import provision as flows  # noqa: PLC0415

    heard, shown = flows.listener.set(on_progress), flows.show_values.set(show_values)
    try:
        return flows.provision(
            pipeline=name,
            project=str(project.root),
            full=selection.full,
            limit=selection.limit,
            keys=sorted(selection.keys) or None,
        )
    finally:
        flows.listener.reset(heard)
        flows.show_values.reset(shown)
