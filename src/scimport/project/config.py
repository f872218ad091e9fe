"""What the files in mappings/ and pipelines/ may say.

The models are the reference: their descriptions become the documentation and the JSON Schemas for editors.
Secrets (``SecretStr``) and what may hold one are in no repr.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from scimport.codes import Code
from scimport.project.keys import Config
from scimport.project.provisioning import ProvisioningConfig
from scimport.project.values import (
    Count,
    Cron,
    Duration,
    EndpointUrl,
    Host,
    Key,
    NoticeUrl,
    Secret,
    Text,
    TimeZone,
    Variables,
    did_you_mean,
    refuse,
    whole_number,
)


class AllowConfig(Config):
    """A finding of ``scimport check`` that is meant to be so."""

    rule: Text = Field(description="Name of the rule, such as hard-coded-domain.")
    at: Text | None = Field(
        default=None, description="Attribute, column or key that it is about; default: wherever it is found."
    )
    reason: Text = Field(description="Why it is right here, for whoever reads it next.")


class MappingConfig(Config):
    """A mapping: how a row becomes a SCIM user."""

    description: str = Field(default="", description="What this mapping is for.")
    extends: Text | None = Field(
        default=None,
        description="Mapping (its file name without .yml) that this one changes, attribute by attribute.",
    )
    vars: Variables = Field(
        default_factory=dict, description="Constants for the expressions; the only part with ${NAME}."
    )
    schemas: tuple[Text, ...] = Field(
        default=(), description="Files in mappings/schemas/ with custom SCIM schemas (RFC 7643 section 7)."
    )
    functions: tuple[Text, ...] = Field(
        default=(), description="Functions of mappings/functions.py that the expressions use as filters."
    )
    let: Variables = Field(
        default_factory=dict, description="Expressions by name, which other expressions use like columns."
    )
    where: Text | None = Field(
        default=None, description="Expression; rows for which it is false are out of scope."
    )
    clear: tuple[Text, ...] = Field(
        default=(), description="Attributes sent as an explicit null when they are blank."
    )
    allow: tuple[AllowConfig, ...] = Field(
        default=(), description="Findings of scimport check that are meant to be so, each with a reason."
    )
    user: dict[str, Any] = Field(
        default_factory=dict,
        description="The SCIM user (RFC 7643 section 4.1); each leaf is an expression or a constant.",
    )


class ClientSecretAuth(Config):
    """Sign in with an app registration's secret."""

    kind: Literal["client_secret"] = Field(
        default="client_secret", description="client_secret: an app registration and its secret."
    )
    tenant_id: Text = Field(description="Id or domain of the tenant.")
    client_id: Text = Field(description="Application (client) id of the app registration.")
    client_secret: Secret = Field(description="The secret's value; take it from ${NAME}.")


class CertificateAuth(Config):
    """Sign in with an app registration's certificate."""

    kind: Literal["certificate"] = Field(
        default="certificate", description="certificate: an app registration and its certificate."
    )
    tenant_id: Text = Field(description="Id or domain of the tenant.")
    client_id: Text = Field(description="Application (client) id of the app registration.")
    path: Text = Field(
        description="PEM or PKCS12 file with certificate and private key, relative to the project folder."
    )
    password: Secret | None = Field(
        default=None, description="Password of the file, if it has one; take it from ${NAME}."
    )


class ManagedIdentityAuth(Config):
    """Sign in as the Azure resource that runs scimport."""

    kind: Literal["managed_identity"] = Field(
        default="managed_identity", description="managed_identity: the Azure resource that runs scimport."
    )
    client_id: Text | None = Field(
        default=None, description="Client id of a user-assigned identity; left out: system-assigned."
    )


class WorkloadIdentityAuth(Config):
    """Sign in with a federated token, such as Kubernetes'."""

    kind: Literal["workload_identity"] = Field(
        default="workload_identity", description="workload_identity: a federated token in a file."
    )
    tenant_id: Text | None = Field(default=None, description="Id of the tenant; default AZURE_TENANT_ID.")
    client_id: Text | None = Field(
        default=None, description="Client id of the identity; default AZURE_CLIENT_ID."
    )
    token_file: Text | None = Field(
        default=None, description="File with the token; default AZURE_FEDERATED_TOKEN_FILE."
    )


class TokenAuth(Config):
    """Use a bearer token that something else renews."""

    kind: Literal["token"] = Field(default="token", description="token: a bearer token as it is.")
    token: Secret = Field(description="The token, without 'Bearer'; take it from ${NAME}.")


# Begins the names of kinds that pydantic puts into the place of an error; no key of a file can begin so.
TAG = "\0"

_AUTH_KINDS = ("client_secret", "certificate", "managed_identity", "workload_identity", "token")


def _check_auth(value: Any) -> Any:
    kinds = ", ".join(_AUTH_KINDS)
    if isinstance(value, Config) or value == "none":
        return value
    if not isinstance(value, dict):
        raise refuse("must be none, or keys with a kind", f"Write kind: below auth:, one of {kinds}.")
    kind = value.get("kind")
    if kind is None:
        raise refuse("is missing", f"One of {kinds}.", key="kind", code=Code.MISSING_KEY)
    if kind not in _AUTH_KINDS:
        near = did_you_mean(kind, _AUTH_KINDS) if isinstance(kind, str) else ""
        raise refuse(f"must be one of {kinds}", near, key="kind")
    return value


def _auth_tag(value: Any) -> str:
    kind = value if isinstance(value, str) else value["kind"] if isinstance(value, dict) else value.kind
    return f"{TAG}{kind}"


AuthConfig = Annotated[
    Annotated[
        Annotated[Literal["none"], Tag(f"{TAG}none")]
        | Annotated[ClientSecretAuth, Tag(f"{TAG}client_secret")]
        | Annotated[CertificateAuth, Tag(f"{TAG}certificate")]
        | Annotated[ManagedIdentityAuth, Tag(f"{TAG}managed_identity")]
        | Annotated[WorkloadIdentityAuth, Tag(f"{TAG}workload_identity")]
        | Annotated[TokenAuth, Tag(f"{TAG}token")],
        Discriminator(_auth_tag),
    ],
    BeforeValidator(_check_auth),
]


class AppConfig(ProvisioningConfig):
    """A provisioning app and its endpoint."""

    kind: Literal["entra"] = Field(
        default="entra", description="entra: an API-driven provisioning app of Microsoft Entra."
    )
    endpoint: EndpointUrl = Field(
        description="The app's bulkUpload URL (Provisioning API Endpoint on its page), or sandbox; before"
        " there is an app, Microsoft Graph alone: https://graph.microsoft.com."
    )
    auth: AuthConfig = Field(default="none", description="How to sign in: none, or keys with a kind.")
    admin: AuthConfig | None = Field(
        default=None, description="How scimport app signs in, if not by auth: another application."
    )
    daily_calls: Annotated[Literal[2000, 6000], BeforeValidator(whole_number)] = Field(
        default=2000,
        description="Calls that the tenant's licence allows in 24 hours: 2000 (P1, P2) or 6000 (Governance).",
    )
    limits: Literal["entra", "none"] = Field(
        default="entra",
        description="What keeps calls back: Entra's 40 calls in 5 seconds and daily_calls, or nothing.",
    )
    gzip: bool = Field(
        default=False,
        description="Whether requests are compressed, for an endpoint that says it takes that.",
    )
    bucket_full_wait: Duration = Field(
        default=300.0,
        description="How long to wait when the app's queue is full, in seconds or as 5m, 90s, 1h.",
    )
    trusted_hosts: tuple[Host, ...] = Field(
        default=(), description="Hosts, or host:port, beside Microsoft Graph's that may get the token."
    )

    @model_validator(mode="after")
    def _check_auth_given(self) -> Self:
        if self.endpoint != "sandbox" and "auth" not in self.model_fields_set:
            raise refuse(
                "is missing",
                "Only the sandbox needs none; write auth: none to mean it.",
                key="auth",
                code=Code.MISSING_KEY,
            )
        return self


class ScheduleConfig(Config):
    """When a pipeline runs by itself."""

    cron: Cron | None = Field(
        default=None, description="Five fields: minute hour day month weekday, such as 0 5 * * mon-fri."
    )
    interval: Duration | None = Field(
        default=None, description="Time between runs, at least a minute: 4h, 30m."
    )
    timezone: TimeZone = Field(
        default="UTC", description="IANA time zone that cron is read in, such as Europe/Berlin."
    )

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.cron is None) == (self.interval is None):
            raise refuse("needs cron or interval, and not both", "For example cron: '0 5 * * *'.")
        if self.interval is not None and self.interval < 60:
            raise refuse(
                "must be at least a minute",
                "A number without a unit means seconds: write 5m.",
                key="interval",
            )
        return self


class GuardLimit(Config):
    """How much of something a guard lets through: the smaller of the two, see docs/guards.md."""

    max_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        description="Share of the population, in percent."
    )
    max_count: Count = Field(description="Number, however large the population is.")


def _limit(max_percent: float, max_count: int, description: str) -> Any:
    return Field(default=GuardLimit(max_percent=max_percent, max_count=max_count), description=description)


class GuardsConfig(Config):
    """What a plan may not do unasked. A plan that a guard stops can be approved; nothing is sent before."""

    leavers: GuardLimit = _limit(10, 499, "People made inactive, of the active ones.")
    changes: GuardLimit = _limit(30, 5000, "Known people changed, of the known ones.")
    per_attribute: GuardLimit = _limit(
        30, 5000, "Known people for whom one attribute changes, of the known ones."
    )
    blanks: GuardLimit = _limit(
        5, 500, "Known people who lose the value of one attribute, of the known ones."
    )
    inactive_share: GuardLimit = _limit(25, 5000, "People sent as inactive, of all valid records.")
    invalid: GuardLimit = _limit(10, 1000, "Invalid records, of those in scope.")
    new_keys: GuardLimit = _limit(30, 5000, "New keys, beside the known ones; not for the first load.")
    changed_keys: GuardLimit = _limit(5, 100, "Keys that are new while as many have gone, of the known ones.")
    rows: GuardLimit = _limit(
        30, 100_000, "Records more or less than the median of the last ten runs, or the last one, of that."
    )
    source_age: Duration | None = Field(
        default=None, description="How old the source may be, such as 26h; left out: any age."
    )
    same_file: Literal["note", "ignore"] = Field(
        default="note", description="A file that was loaded before, byte for byte: worth a note, or nothing."
    )


class NotifyConfig(Config):
    """Who is told how a run ended."""

    urls: Annotated[tuple[NoticeUrl, ...], Field(min_length=1)] = Field(
        description="Webhooks (https, http) and URLs of Apprise; take secrets in them from ${NAME}."
    )
    on: Annotated[tuple[Literal["failed", "stopped", "degraded", "ok"], ...], Field(min_length=1)] = Field(
        default=("failed", "stopped", "degraded"), description="Ends of a run that are told."
    )


class EngineConfig(Config):
    """Who examines the records of a source."""

    by: Literal["processes", "dask"] = Field(
        default="processes", description="Processes of this machine, or the workers of a Dask cluster."
    )
    workers: Annotated[Count, Field(ge=1, le=64)] | None = Field(
        default=None, description="How many; left out: one for each processor, for a source that is worth it."
    )
    scheduler: Text | None = Field(
        default=None, description="Dask's scheduler: tcp://host:8786; left out: a cluster for the run."
    )

    @model_validator(mode="after")
    def _scheduler_is_of_dask(self) -> Self:
        if self.scheduler is not None and self.by != "dask":
            raise refuse("is of by: dask alone", "Write by: dask, or leave it out.", key="scheduler")
        return self


def _by(value: object) -> object:
    """Who examines alone is said in one word."""
    return {"by": value} if isinstance(value, str) else value


_Engine = Annotated[
    EngineConfig, BeforeValidator(_by, json_schema_input_type=EngineConfig | Literal["processes", "dask"])
]


class PipelineConfig(Config):
    """A pipeline: from which source, by which mapping, to which app, when."""

    description: str = Field(
        default="", description="What the pipeline does, such as Provision-Employees-From-CSV-to-AD."
    )
    source: Text = Field(description="Source: the name of its file in sources/, without .yml.")
    mapping: Text = Field(description="Mapping: the name of its file in mappings/, without .yml.")
    app: AppConfig = Field(description="The provisioning app that gets the people.")
    schedule: ScheduleConfig | None = Field(
        default=None, description="When it runs by itself under scimport serve."
    )
    leavers: Literal["deactivate", "report", "ignore"] = Field(
        default="report",
        description="People missing from a full source: sent with active false, reported, or ignored.",
    )
    unresolved_manager: Literal["send", "omit", "reject"] = Field(
        default="omit",
        description="People whose manager is not known: sent as they are, sent without, or refused.",
    )
    confirm_within: Duration = Field(
        default=5400.0,
        description="How long after its delivery a person may stay out of the provisioning log: 90m, 2h.",
    )
    max_rejected: Count = Field(
        default=0,
        description="People of a run whom the endpoint may reject before it counts as degraded, exit 4.",
    )
    max_attempts: Annotated[Count, Field(ge=1)] = Field(
        default=3,
        description="How often somebody who does not arrive is sent unchanged, counting the first time.",
    )
    approval_within: Duration = Field(
        default=43200.0,
        description="How long a stopped run waits for approval under Prefect; 0 for not at all.",
    )
    notify: NotifyConfig | None = Field(
        default=None, description="Who is told when a run ends otherwise than well."
    )
    engine: _Engine = Field(
        default_factory=EngineConfig,
        description="Who reads, maps and compares the records of a large source.",
    )
    guards: GuardsConfig = Field(
        default_factory=GuardsConfig, description="What a plan may not do unless it is approved."
    )


class StateConfig(Config):
    """Where the state database is, and how it keeps what it knows of people."""

    url: Secret | None = Field(default=None, description="SQLAlchemy URL; default SQLite in .scimport/.")
    values: Literal["keep", "encrypt", "digest"] = Field(
        default="keep",
        description="Values of people: as they are, encrypted, or digests once they were sent.",
    )
    key: Key | None = Field(
        default=None, description="Key of encrypt and digest, as ${NAME}; default SCIMPORT_STATE_KEY."
    )
    old_key: Key | None = Field(
        default=None,
        description="The key before, until scimport rekey is done; default SCIMPORT_STATE_OLD_KEY.",
    )


class RetentionConfig(Config):
    """How long what is kept that is not needed any more."""

    plans: Duration | None = Field(
        default=None, description="Finished plans with changes and problems: 30d; left out: the last ten."
    )
    runs: Duration | None = Field(
        default=None, description="Runs with their requests, and their folders: 180d; left out: for good."
    )
    outcomes: Duration | None = Field(
        default=None, description="The endpoint's words about people: 90d; left out: for good."
    )


class SettingsConfig(Config):
    """The file scimport.toml."""

    state: StateConfig = Field(default=StateConfig(), description="The state database.")
    retention: RetentionConfig = Field(
        default=RetentionConfig(), description="How long what is kept; see docs/privacy.md."
    )
