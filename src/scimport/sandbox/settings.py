"""What the sandbox's tenant is like: the numbers Microsoft documents, and the choices it leaves open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """Settings of one tenant; they are stored with its data and may be changed while it runs.

    In every count and every duration (seconds), 0 switches the limit or the delay off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Requests
    strict: bool = True
    """Refuse every breach of the documented bulk request; else only what cannot be read."""
    max_operations: Annotated[int, Field(ge=1)] = 50
    """Operations in one request."""
    max_payload_bytes: Count = 0
    """Size of one request; more is answered with 413 (no limit is documented)."""
    error_codes: dict[str, str] = {}
    """``error.code`` of the answers by their reason (see ``graph.CODES``), which is mostly undocumented."""

    # Limits
    burst_calls: Count = 40
    """Bulk calls of the tenant in any window of ``burst_seconds``."""
    burst_seconds: Seconds = 5.0
    daily_calls: Count = 2000
    """Bulk calls of the tenant in 24 hours: 2,000 with P1 or P2, 6,000 with Entra ID Governance."""
    daily_window: Literal["rolling", "fixed"] = "rolling"
    """Whether the 24 hours move along or are the day in UTC (not documented)."""
    retry_after: Literal["seconds", "date", "off"] = "seconds"
    """How a 429 says when to come back (not documented for bulkUpload)."""
    log_calls: Count = 5
    """Reads of the provisioning log in any window of ``log_seconds`` (the limit of Graph's reports)."""
    log_seconds: Seconds = 10.0
    bucket_capacity: Count = 100_000
    """Operations that one job keeps waiting before it answers that its bucket is full (not documented)."""

    # Sign-in
    require_token: bool = False
    any_token: bool = False
    """With ``require_token``: take bearer values which the token endpoint did not issue."""
    clients: dict[str, str] = {}
    """Secrets by client id that the token endpoint knows; with none, it believes everybody."""
    token_lifetime: Seconds = 3599.0
    token_requests: Count = 0
    """Requests after which a token expires."""
    permissions: tuple[str, ...] = (
        "SynchronizationData-User.Upload",
        "ProvisioningLog.Read.All",
        "Synchronization.ReadWrite.All",
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "OnPremisesPublishingProfiles.ReadWrite.All",
    )
    """Application permissions that all callers have, beside those assigned to their service principal."""

    # Apps
    gallery: tuple[str, str] = (
        "API-driven provisioning to Microsoft Entra ID",
        "API-driven provisioning to on-premises Active Directory",
    )
    """Names of the two apps in the gallery, Entra ID first; Microsoft has changed them before."""
    principal_delay: Seconds = 0.0
    """Time from the making of an app until its service principal can be found."""
    new_job: Literal["NotConfigured", "Paused"] = "NotConfigured"
    """``status.code`` of a job that was never started (the documents have both)."""
    jobs_per_target: Count = 20
    """Jobs of one kind that can be created: 2 with P1 or P2, 20 with Entra ID Governance."""
    missing_email: Literal["quarantine", "ignore"] = "quarantine"
    """What becomes of a job that is started without a notification e-mail."""
    null_gate: str = "flowNullValues"
    """Property of an attribute mapping that opens the second gate of *Flow null values* (not documented)."""
    agent: Literal["active", "inactive", "none"] = "active"
    """The provisioning agent of Active Directory."""
    agent_machine: str = "dc1.ad.sandbox.example"
    """Windows server that the agent is on."""

    # Processing
    processing_delay: Seconds = 0.0
    """Time from the upload to its processing."""
    processing_rate: Seconds = 0.0
    """Operations a second that one job processes; a faster client fills the bucket."""
    cycle_seconds: Seconds = 0.0
    """Length of a cycle; uploads wait for its end."""
    job_interval: str = "PT40M"
    """Interval that the job's schedule shows (not documented for these jobs)."""
    flow_nulls: bool = False
    """Whether both gates of *Flow null values* are open, for every attribute that is no key."""
    empty_strings: Literal["fail", "ignore"] = "fail"
    """What an empty string does in AD while ``flow_nulls`` is off."""
    null_condition: Literal["fail", "false"] = "fail"
    """Whether a condition of ``IIF`` on an attribute that is null or empty fails the entry, or is false."""
    function_error: str = "InternalError"
    """``errorCode`` of an entry for which a function of a mapping fails (not documented)."""
    typed_values: tuple[str, ...] = ("work", "mobile", "fax")
    """Types of addresses, emails and phone numbers that are read; the documents say ``work`` only."""
    omitted_active: Literal["keep", "disable"] = "keep"
    """A user without ``active`` is enabled when created and else kept, or is disabled (not documented)."""
    repeated_external_id: Literal["process", "fail"] = "process"
    """What a second operation for one person in a request does (not documented)."""
    delete_seconds: Seconds = 2400.0
    """Time in which disables count towards the threshold of accidental deletions: one cycle of 40 minutes."""
    escrow_minimum: Count = 5000
    """Failing people from which on the next three are looked at."""
    escrow_share: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of all people that may fail before the job is put into quarantine."""
    escrow_base: Count = 40_000
    """Failing people, not counting references, before the job is put into quarantine."""
    escrow_total: Count = 60_000
    """Failing people, references among them, before the job is put into quarantine."""

    # Provisioning log
    log_lag: Seconds = 0.0
    """Time until an entry can be read; the real one takes 300 to 600."""
    log_retention_days: Count = 30
    log_page_size: Annotated[int, Field(ge=1)] = 100
    log_page_limit: Annotated[int, Field(ge=1)] = 1000
    source_identity: Literal["externalId", "guid"] = "externalId"
    """What ``sourceIdentity.id`` holds: the documents say the first, a real log showed the second."""

    # Directories
    default_domain: str = "sandbox.example"
    """The tenant's default verified domain, which ends every user principal name in Entra ID."""
    verified_domains: tuple[str, ...] = ()
    """Other domains that a user principal name may have."""
    ad_domain: str = "ad.sandbox.example"
    """The domain of Active Directory, which the agent has registered."""
    default_ou: str = "OU=People,DC=ad,DC=sandbox,DC=example"
    """Distinguished name of the container for new users in Active Directory."""
    number_names: bool = True
    """Whether ``SelectUniqueValue`` tries all its values, or the entry fails when the first is taken."""

    # Time
    clock_offset: float = 0.0
    """Seconds that the sandbox's clock is ahead, to see what time does without waiting for it."""
