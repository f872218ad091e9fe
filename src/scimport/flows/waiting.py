"""Flow runs that wait for a plan, told from the command line what became of it."""

from __future__ import annotations

from contextlib import closing

from scimport.codes import Code
from scimport.errors import ScimportError
from scimport.model import Problem
from scimport.project import Project
from scimport.state import open_state
from scimport.state.plans import PlanState, waited_for


def tell_waiting(project: Project, pipeline: str) -> bool:
    """Let flow runs go on that wait for a plan which is approved now, and end those whose plan is gone.

    Returns:
        Whether there were any.

    Raises:
        ScimportError: Prefect cannot be reached; the flow runs give up by themselves in time.
    """
    with closing(open_state(project)) as database, database.read() as connection:
        waiting = waited_for(connection, pipeline)
    if not any(one.approved_by or one.state is not PlanState.STAGED for one in waiting):
        return False
    from scimport.flows.server import check_api, find_api  # noqa: PLC0415 - not needed where nobody waits
    from scimport.flows.settings import prepare  # noqa: PLC0415 - as above

    url = find_api(project)
    if url is None:
        hint = "Start `scimport serve`, or set PREFECT_API_URL. Without, it gives up by itself in time."
        message = "the flow run that waits for the plan cannot be told: there is no Prefect API"
        raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint=hint))
    check_api(url)
    prepare(project, url, quiet=True)
    from scimport.flows.approval import settle  # noqa: PLC0415 - Prefect reads its settings when it is imported

    try:
        settle(project, pipeline)
    except Exception as error:
        message = f"the flow run that waits for the plan cannot be told: {type(error).__name__}"
        raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint="Look at its page.")) from error
    return True
