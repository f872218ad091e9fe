"""Pipeline runs as flow runs of this process, as the command line and the demo want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from scimport.codes import Code
from scimport.errors import Interrupted, ScimportError
from scimport.flows.server import check_api, running_server
from scimport.flows.settings import prepare
from scimport.model import Problem, RunSummary

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
        ScimportError: The server does not start, or does not answer.
    """
    with ExitStack() as exits:
        if url is None:
            exits.enter_context(running_server(project))
            exits.enter_context(_no_heartbeat())
        else:
            check_api(url)
            prepare(project, url, quiet=True)
        yield _run


def _run(
    project: Project,
    name: str,
    selection: Selection,
    *,
    show_values: bool = False,
    queue_anyway: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> RunSummary:
    # Prefect reads its settings when it is imported: only now are they there.
    from scimport.flows.provision import Caller, caller, provision  # noqa: PLC0415

    me = Caller(on_progress=on_progress, show_values=show_values)
    token = caller.set(me)
    try:
        provision(
            pipeline=name,
            project=str(project.root),
            full=selection.full,
            limit=selection.limit,
            keys=sorted(selection.keys) or None,
            queue_anyway=queue_anyway,
        )
    except KeyboardInterrupt:
        hint = f"Go on with `scimport run {name}`: it finishes first what was staged."
        raise Interrupted(Problem(Code.INTERRUPTED, "stopped before the end", hint=hint)) from None
    except Exception as error:
        # What the run came to counts, also where Prefect's server could not be told.
        if me.error is not None:
            raise me.error from None
        if me.summary is None:
            raise _unusable(error) from error
    finally:
        caller.reset(token)
    if me.summary is None:
        raise RuntimeError("the flow has ended without a summary")
    return me.summary


def _no_heartbeat() -> AbstractContextManager[object]:
    """Heartbeats make each run up to a second longer; nobody hears those to a server that ends with us."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415

    return temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})


def _unusable(error: Exception) -> ScimportError:
    message = f"Prefect cannot run the flow: {type(error).__name__}"
    hint = "Look at Prefect's server, its PREFECT_API_KEY if it wants one, or say --no-prefect."
    return ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint=hint))
