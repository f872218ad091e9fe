"""The settings of a job that Graph keeps among its secrets.

``https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationsecretkeystringvaluepair``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from scimport.sandbox.graph import invalid

NOTIFICATION: Final = "SyncNotificationSettings"
DOMAIN: Final = "Domain"
CONTAINER: Final = "SyncAgentADContainer"
SKIP_OUT_OF_SCOPE: Final = "SkipOutOfScopeDeletions"

KEYS: Final = frozenset(
    {
        "None", "UserName", "Password", "SecretToken", "AppKey", "BaseAddress", "ClientIdentifier",
        "ClientSecret", "SingleSignOnType", "Sandbox", "Url", DOMAIN, "ConsumerKey", "ConsumerSecret",
        "TokenKey", "TokenExpiration", "Oauth2AccessToken", "Oauth2AccessTokenCreationTime",
        "Oauth2RefreshToken", "SyncAll", "InstanceName", "Oauth2ClientId", "Oauth2ClientSecret",
        "CompanyId", "UpdateKeyOnSoftDelete", "SynchronizationSchedule", "SystemOfRecord", "SandboxName",
        "EnforceDomain", NOTIFICATION, SKIP_OUT_OF_SCOPE, "Oauth2AuthorizationCode", "Oauth2RedirectUri",
        "ApplicationTemplateIdentifier", "Oauth2TokenExchangeUri", "Oauth2AuthorizationUri",
        "AuthenticationType", "Server", "PerformInboundEntitlementGrants", "HardDeletesEnabled",
        "SyncAgentCompatibilityKey", CONTAINER, "ValidateDomain", "TestReferences", "ConnectionString",
    }
)  # fmt: skip
_PASSWORDS: Final = frozenset(
    {
        "Password", "SecretToken", "AppKey", "ClientSecret", "ConsumerSecret", "TokenKey",
        "Oauth2AccessToken", "Oauth2RefreshToken", "Oauth2ClientSecret", "Oauth2AuthorizationCode",
        "ConnectionString",
    }
)  # fmt: skip
_HIDDEN = "*****"


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What a job is set to.

    Attributes:
        email: Who is told of a quarantine; empty for nobody.
        delete_threshold: Deletes and disables of one execution that put the job into quarantine; None: any
            number goes.
        domain: Domain of Active Directory; empty for none.
        container: Distinguished name of the container for new users; empty for none.
        skip_out_of_scope: Whether a person who leaves the scope is left alone in the directory.
    """

    email: str = ""
    delete_threshold: int | None = 500
    domain: str = ""
    container: str = ""
    skip_out_of_scope: bool = False


def read_settings(secrets: Mapping[str, str]) -> JobSettings:
    """Read the settings among the secrets of an app."""
    notification = _json(secrets.get(NOTIFICATION, "{}"))
    limited = notification.get("DeleteThresholdEnabled", True)
    domain = secrets.get(DOMAIN, "")
    return JobSettings(
        email=str(notification.get("Recipients") or "").strip(),
        delete_threshold=int(notification.get("DeleteThresholdValue", 500)) if limited else None,
        domain=str(_json(domain).get("domain", "")) if domain.startswith("{") else domain,
        container=secrets.get(CONTAINER, ""),
        skip_out_of_scope=secrets.get(SKIP_OUT_OF_SCOPE, "").lower() == "true",
    )


def notification(email: str, threshold: int | None = 500) -> str:
    """The value of :data:`NOTIFICATION`, which is JSON in a string."""
    value = {
        "Enabled": bool(email),
        "Recipients": email,
        "DeleteThresholdEnabled": threshold is not None,
        "DeleteThresholdValue": 500 if threshold is None else threshold,
    }
    return orjson.dumps(value).decode()


def read_body(body: Mapping[str, Any]) -> dict[str, str]:
    """The secrets of a PUT.

    Raises:
        GraphError: 400.
    """
    return read_pairs(body.get("value"))


def read_pairs(pairs: object) -> dict[str, str]:
    """A list of keys and values.

    Raises:
        GraphError: 400, when it is none, or a key is unknown.
    """
    if not isinstance(pairs, list):
        raise invalid("The secrets must be a list of objects with key and value.")
    secrets: dict[str, str] = {}
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("value"), str):
            raise invalid("Each secret must be an object with the strings key and value.")
        if pair.get("key") not in KEYS:
            raise invalid(f"'{pair.get('key')}' is not a key of synchronization secrets.")
        secrets[pair["key"]] = pair["value"]
    if NOTIFICATION in secrets and not _json(secrets[NOTIFICATION]):
        raise invalid(f"{NOTIFICATION} must be a JSON object in a string.")
    return secrets


def shown(secrets: Mapping[str, str]) -> list[dict[str, str]]:
    """The secrets as a GET shows them: no password can be used again."""
    return [{"key": key, "value": _HIDDEN if key in _PASSWORDS else value} for key, value in secrets.items()]


def _json(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
