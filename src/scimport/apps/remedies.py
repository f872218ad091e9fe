"""What to do about the errors of the provisioning log, where the service itself recommends nothing.

``https://learn.microsoft.com/entra/identity/monitoring-health/howto-analyze-provisioning-logs`` and
``https://learn.microsoft.com/entra/identity/app-provisioning/inbound-provisioning-api-issues``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_AGAIN = "It passes: the service tries again by itself in about 40 minutes."
_UNIQUE = "Another object of the directory has this name: make userName unique, or free the name there."
_RIGHTS = (
    "Give the app's connection the rights to write this: for Active Directory, those of the agent's account."
)

REMEDIES: Final[Mapping[str, str]] = {
    "AzureActiveDirectoryInvalidUserPrincipalName": (
        "Map userName without blanks and accents (filter ascii), or change the app's userPrincipalName."
    ),
    "InvalidDomain": (
        "The domain does not exist in the tenant: verify it, or end userPrincipalName with DefaultDomain()."
    ),
    "EntryConflict": _UNIQUE,
    "Conflict": _UNIQUE,
    "DuplicateTargetEntries": "Several users there have the matching value: clear it on all but one.",
    "DuplicateSourceEntries": "Two people of one upload have the same externalId: correct the source's key.",
    "ImportSkipped": "The matching attribute is missing: map externalId, or see scimport app mappings NAME.",
    "MandatoryFieldsMissing": "Map the attributes that the reason names; see scimport app doctor NAME.",
    "MissingValues": "Map the attributes that the reason names; see scimport app doctor NAME.",
    "SchemaAttributeNotFound": "A mapping names what the directory has not: scimport app mappings NAME.",
    "HybridSynchronizationActiveDirectoryCannotFindAttribute": (
        "Restart the provisioning agent, so that it learns of the new attribute of Active Directory."
    ),
    "InvalidAttributeSyntax-LdapErr": (
        "Active Directory takes no empty text: leave blanks out, or open both gates (flow_nulls)."
    ),
    "LicenseLimitExceeded": "The tenant has no licence left for this person: buy or free one.",
    **dict.fromkeys(("InsufficientRights", "MethodNotAllowed", "NotPermitted", "Unauthorized"), _RIGHTS),
    **dict.fromkeys(("TooManyRequests", "InternalServerError", "InternalError", "Timeout"), _AGAIN),
}
"""What to do, by the log's ``errorCode``."""

_BY_CODE = {code.casefold(): remedy for code, remedy in REMEDIES.items()}


def remedy(code: str, recommended: str = "") -> str:
    """What to do about an error.

    Args:
        code: ``errorCode`` of an entry; empty for none.
        recommended: What the service recommends, which goes first.
    """
    return recommended or _BY_CODE.get(code.casefold(), "")
