"""Prefect Secret blocks for the project's files: ``${prefect:NAME}``."""

from __future__ import annotations

from scimport.codes import Code
from scimport.errors import ScimportError
from scimport.flows.server import find_api
from scimport.flows.settings import prepare
from scimport.model import Problem
from scimport.project import Project


def find_block(project: Project, name: str) -> str | None:
    """Value of a Secret block of the Prefect server that a project uses; ``None`` if there is no such block.

    Raises:
        ScimportError: There is no server, or it does not answer.
    """
    url = find_api(project)
    if url is None:
        message = f"no Prefect API is configured to ask for the Secret block '{name}'"
        hint = "Set PREFECT_API_URL, or start `scimport serve`."
        raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint=hint))
    prepare(project, url, quiet=True)
    return read_block(name)


def read_block(name: str) -> str | None:
    """Value of a Secret block of the server that Prefect is set up for; ``None`` if there is no such block.

    Raises:
        ScimportError: The server does not answer.
    """
    # Imported here: only a reference to a block needs Prefect, which reads its settings when it is imported.
    import httpx  # noqa: PLC0415
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError  # noqa: PLC0415

    try:
        with get_client(sync_client=True) as client:
            found = client.read_block_document_by_name(name, "secret", include_secrets=True)
    except ObjectNotFound:
        return None
    except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
        message = f"Prefect does not give the Secret block '{name}': {type(error).__name__}"
        hint = "Look at Prefect's server, and its PREFECT_API_KEY if it wants one."
        raise ScimportError(Problem(Code.PREFECT_UNREACHABLE, message, hint=hint)) from None
    value = found.data.get("value")
    return value if isinstance(value, str) else None
