"""What is done with a job that is there: start, stop, restart, delete.

``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob``
"""

from __future__ import annotations

from collections.abc import Collection

from scimport.apps.graph import literal
from scimport.errors import AppError
from scimport.provisioning.status import JobState, job_state, quarantine_problem
from scimport.provisioning.tenant import Tenant, object_id

RESET_SCOPES = ("Watermark", "Escrows", "QuarantineState", "ConnectorDataStore", "Full", "ForceDeletes")
"""What a restart may forget (synchronizationJobRestartCriteria)."""
BUTTON = ("Watermark", "Escrows", "QuarantineState")
"""What the portal's button forgets."""


def state_of(tenant: Tenant) -> JobState:
    """Read the job again."""
    return job_state(tenant.graph.get(tenant.job_path))


def start(tenant: Tenant) -> bool:
    """Start a job, or let it go on: it listens for uploads. Returns whether it had to.

    Raises:
        AppError: It went into quarantine at once.
    """
    if job_state(tenant.job).runs:
        # Microsoft asks not to start what is running.
        return False
    tenant.graph.post(f"{tenant.job_path}/start")
    _check(tenant)
    return True


def stop(tenant: Tenant) -> bool:
    """Pause a job: the cycle ends first; uploads are taken and wait. Returns whether it ran."""
    if job_state(tenant.job).schedule != "Active":
        return False
    tenant.graph.post(f"{tenant.job_path}/pause")
    return True


def purges(tenant: Tenant, scope: Collection[str]) -> bool:
    """Whether a restart throws away what was uploaded and not processed."""
    return not job_state(tenant.job).runs and "ForceDeletes" not in scope


def restart(tenant: Tenant, scope: Collection[str]) -> None:
    """Restart a job.

    Raises:
        AppError: It went into quarantine at once.
    """
    criteria = {"resetScope": ", ".join(scope)}
    tenant.graph.post(f"{tenant.job_path}/restart", {"criteria": criteria})
    _check(tenant)


def _check(tenant: Tenant) -> None:
    state = state_of(tenant)
    if state.quarantine:
        raise AppError(quarantine_problem(state))


def delete_job(tenant: Tenant) -> None:
    """Delete the job alone."""
    tenant.graph.delete(tenant.job_path)


def delete_app(tenant: Tenant) -> None:
    """Delete the application, and with it the service principal and the job."""
    query = f"appId eq {literal(tenant.application)}"
    for application in tenant.graph.listing("/applications", filter=query):
        tenant.graph.delete(f"/applications/{object_id(application)}")
