"""What is done with a job that is there: start, stop, restart, delete.

``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob``
"""

from __future__ import annotations

from collections.abc import Collection

from scimport.apps.graph import literal
from scimport.apps.job import Job, job_of
from scimport.errors import AppError
from scimport.provisioning.status import job_problem
from scimport.provisioning.tenant import Tenant, object_id

RESET_SCOPES = ("Watermark", "Escrows", "QuarantineState", "ConnectorDataStore", "Full", "ForceDeletes")
"""What a restart may forget (synchronizationJobRestartCriteria)."""
BUTTON = ("Watermark", "Escrows", "QuarantineState")
"""What the portal's button forgets."""


def state_of(tenant: Tenant) -> Job:
    """Read the job again."""
    return job_of(tenant.graph.get(tenant.job_path))


def start(tenant: Tenant, name: str) -> bool:
    """Start a job, or let it go on: it listens for uploads. Returns whether it had to.

    Args:
        tenant: The app.
        name: Name of the pipeline.

    Raises:
        AppError: It went into quarantine at once.
    """
    if job_of(tenant.job).runs:
        # Microsoft asks not to start what is running.
        return False
    tenant.graph.post(f"{tenant.job_path}/start")
    check(tenant, name)
    return True


def stop(tenant: Tenant) -> bool:
    """Pause a job: the cycle ends first; uploads are taken and wait. Returns whether it ran."""
    if job_of(tenant.job).schedule != "Active":
        return False
    tenant.graph.post(f"{tenant.job_path}/pause")
    return True


def purges(tenant: Tenant, scope: Collection[str]) -> bool:
    """Whether a restart throws away what was uploaded and not processed."""
    return not job_of(tenant.job).runs and "ForceDeletes" not in scope


def restart(tenant: Tenant, name: str, scope: Collection[str]) -> None:
    """Restart a job.

    Args:
        tenant: The app.
        name: Name of the pipeline.
        scope: What it forgets, of ``RESET_SCOPES``.

    Raises:
        AppError: It went into quarantine at once.
    """
    criteria = {"resetScope": ", ".join(scope)}
    tenant.graph.post(f"{tenant.job_path}/restart", {"criteria": criteria})
    check(tenant, name)


def check(tenant: Tenant, name: str) -> None:
    """Look at a job that was just started.

    Raises:
        AppError: It went into quarantine at once.
    """
    state = state_of(tenant)
    if state.quarantined and (problem := job_problem(state, name)):
        raise AppError(problem)


def delete_job(tenant: Tenant) -> None:
    """Delete the job alone."""
    tenant.graph.delete(tenant.job_path)


def delete_app(tenant: Tenant) -> None:
    """Delete the application, and with it the service principal and the job."""
    query = f"appId eq {literal(tenant.application)}"
    for application in tenant.graph.listing("/applications", filter=query):
        tenant.graph.delete(f"/applications/{object_id(application)}")
