"""The two directories that people are provisioned into: what their attributes must be like.

Entra ID: ``https://learn.microsoft.com/graph/api/resources/user``. Active Directory:
``https://learn.microsoft.com/windows/win32/adschema/c-user``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from scimport.sandbox.settings import Settings


class EntryError(Exception):
    """One entry that the provisioning service does not write.

    Args:
        code: ``errorCode`` of the provisioning log.
        reason: Its words.
        status: ``failure`` or ``skipped``.
    """

    def __init__(self, code: str, reason: str, status: Literal["failure", "skipped"] = "failure") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.status: Literal["failure", "skipped"] = status


@dataclass(frozen=True, slots=True)
class Target:
    """One of the two provisioning apps.

    Attributes:
        template: Its template id, with which its job ids begin.
        directory: Name of the directory in the provisioning log.
        columns: Attributes that are looked for often, and their columns of the ``user`` table.
        unique: Those of them that no two users share.
        enabled: Attribute that says whether the account is in use, and its value when it is.
        reference: Attribute that a reference to a user holds; ``id`` for the object id.
        required: Attributes without which nothing can be created.
        owned: Attributes that something else sets, so that nothing flows.
        selects: Whether ``SelectUniqueValue`` works here.
        check: Refuses values that the directory does not take.
    """

    template: str
    directory: str
    columns: Mapping[str, str]
    unique: tuple[str, ...]
    enabled: tuple[str, bool]
    reference: str
    required: tuple[str, ...]
    owned: tuple[str, ...]
    selects: bool
    check: Callable[[Mapping[str, Any], Settings], None]


def _check_entra(values: Mapping[str, Any], settings: Settings) -> None:
    """A user principal name has a verified domain, and before it what Entra ID takes.

    Raises:
        EntryError: else.
    """
    name = values.get("userPrincipalName")
    if name is None:
        return
    local, at, domain = name.rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        reason = "Property userPrincipalName is invalid."
        raise EntryError("AzureActiveDirectoryInvalidUserPrincipalName", reason)
    verified = {settings.default_domain.casefold(), *(each.casefold() for each in settings.verified_domains)}
    if domain.casefold() not in verified:
        reason = "The domain does not exist: userPrincipalName is not on a verified domain of the tenant."
        raise EntryError("InvalidDomain", reason)


# https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization
_LOCAL = re.compile(r"(?!\.)[A-Za-z0-9'.\-_!#^~]{1,64}(?<!\.)")
_ACCOUNT = re.compile(r'[^"/\\\[\]:;|=,+*?<>@\x00-\x1f]{1,20}')


def _check_ad(values: Mapping[str, Any], settings: Settings) -> None:
    """Names are of the form that Active Directory takes, and containers are in its domain.

    Raises:
        EntryError: else.
    """
    account = values.get("sAMAccountName")
    if account is not None and not _ACCOUNT.fullmatch(account):
        raise _invalid('sAMAccountName has 1 to 20 characters, and none of " / \\ [ ] : ; | = , + * ? < > @')
    if len(values.get("cn") or "") > 64:
        raise _invalid("cn has at most 64 characters")
    parent = values.get("parentDistinguishedName")
    if parent is not None and not _is_container(parent, settings.ad_domain):
        raise _invalid("parentDistinguishedName is no container of the domain")
    for name, value in values.items():
        if value == "":
            raise empty_in_ad(name)


def _invalid(words: str) -> EntryError:
    return EntryError("HybridSynchronizationActiveDirectoryInvalidParameter", f"{words}.")


def _is_container(name: str, domain: str) -> bool:
    suffix = ",".join(f"DC={part}" for part in domain.split("."))
    return bool(_CONTAINER.fullmatch(name)) and f",{name}".casefold().endswith(f",{suffix}".casefold())


_CONTAINER = re.compile(r"(?:(?:OU|CN)=(?:[^,\\]|\\.)+,\s*)*DC=[^,]+(?:,\s*DC=[^,]+)*", re.IGNORECASE)


def empty_in_ad(name: str) -> EntryError:
    """What Active Directory says of an empty string."""
    return EntryError("InvalidAttributeSyntax-LdapErr", f"The syntax is invalid: parameter '{name}'.")


def distinguished_name(common_name: str, container: str) -> str:
    """The name of an object in a container (RFC 4514 section 2.4)."""
    escaped = re.sub(r'([,\\+"<>;=#])', r"\\\1", common_name)
    return f"CN={escaped},{container}"


ENTRA: Final = Target(
    template="API2AAD",
    directory="Azure Active Directory",
    columns={"employeeId": "match", "userPrincipalName": "upn"},
    unique=("userPrincipalName",),
    enabled=("accountEnabled", True),
    reference="id",
    required=("displayName", "mailNickname", "userPrincipalName"),
    # Exchange owns it: the row is in the default mapping, but without effect.
    owned=("mail",),
    selects=False,
    check=_check_entra,
)

AD: Final = Target(
    template="API2AD",
    directory="Active Directory",
    columns={
        "employeeID": "match",
        "userPrincipalName": "upn",
        "sAMAccountName": "account",
        "distinguishedName": "dn",
        "cn": "cn",
    },
    unique=("userPrincipalName", "sAMAccountName", "distinguishedName"),
    enabled=("accountDisabled", False),
    reference="distinguishedName",
    required=("sAMAccountName", "cn"),
    owned=("distinguishedName",),
    selects=True,
    check=_check_ad,
)

TARGETS: Final[Mapping[str, Target]] = {"entra-id": ENTRA, "on-premises-ad": AD}
COLUMNS: Final = ("match", "upn", "account", "dn", "cn")
"""Columns of the ``user`` table that hold attributes without regard to case; the first is matched by."""
