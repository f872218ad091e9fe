"""The default attribute mappings of the two provisioning apps, as tables, and how a user flows through them.

Microsoft publishes no complete list. Entra ID: the rows seen in the portal; those that its screenshots cut
off (city, country, department) are taken from descriptions of it. Active Directory: the rows recommended for
Oracle HCM.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Literal

from scimport.sandbox.bulk import ENTERPRISE, User
from scimport.sandbox.settings import Settings


class Absence(Enum):
    """A value that the user does not have."""

    OMITTED = auto()
    """What it would be part of is there."""
    OUTSIDE = auto()
    """What it would be part of is not there either, so that *Flow null values* leaves it alone."""


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
class Context:
    """What a rule may ask about while it works out a value of one user.

    Attributes:
        settings: The tenant's domains and choices.
        taken: Whether an object of the directory has this name: column of the ``user`` table, value.
        values: What the mappings before it came to, by attribute.
    """

    settings: Settings
    taken: Callable[[str, str], bool]
    values: dict[str, Any]


Rule = Callable[[User, Context], object]
Reader = Callable[..., object]


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """One line of an attribute mapping.

    Attributes:
        target: Attribute of the directory.
        rule: What works out its value.
        source: The path it comes from; empty for an expression.
        on_create: Applied only during object creation.
        match: Whether users are matched by it.
        owned: Whether something else than provisioning sets the attribute, so that nothing flows.
    """

    target: str
    rule: Rule
    source: str = ""
    on_create: bool = False
    match: bool = False
    owned: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One of the two provisioning apps.

    Attributes:
        template: Its template id, with which its job ids begin.
        directory: Name of the directory in the provisioning log.
        mappings: The attribute mapping, but for the reference.
        reference: Attribute of the manager, and the manager's attribute that it holds.
        enabled: Attribute that says whether the account is in use, and its value when it is.
        required: Attributes without which nothing can be created.
        names: Columns of the ``user`` table whose values are unique in the directory, and their attributes.
    """

    template: str
    directory: str
    mappings: tuple[AttributeMapping, ...]
    reference: tuple[str, str]
    enabled: tuple[str, bool]
    required: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


def flow(target: Target, user: User, current: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
    """The values that a user gives the attributes of a directory.

    Args:
        target: The app's kind.
        user: The SCIM user.
        current: The attributes of the object that is there; None when one is created.
        context: What the rules may ask; its ``values`` are filled and returned.

    Returns:
        Values by attribute; None clears it. Attributes that are left as they are, are not in it.

    Raises:
        EntryError: when a value cannot be worked out.
    """
    values = context.values
    for mapping in target.mappings:
        if mapping.owned or (mapping.on_create and current is not None):
            continue
        value = mapping.rule(user, context)
        if value is not None and value != "" and value.__class__ is not Absence:
            values[mapping.target] = value if isinstance(value, (str, bool)) else str(value)
        elif mapping.source and not mapping.match:
            _flow_nothing(mapping, value, current, values, context.settings, ad=target is AD)
    return values


def _flow_nothing(
    mapping: AttributeMapping,
    value: object,
    current: Mapping[str, Any] | None,
    values: dict[str, Any],
    settings: Settings,
    *,
    ad: bool,
) -> None:
    """Null, empty or omitted, as the documents have it: cleared with *Flow null values*, else ignored."""
    if settings.flow_nulls:
        if current is not None and value is not Absence.OUTSIDE and mapping.target in current:
            values[mapping.target] = None
    elif value == "" and ad and settings.empty_strings == "fail":
        raise EntryError(
            "InvalidAttributeSyntax-LdapErr", f"The syntax is invalid: parameter '{mapping.target}'."
        )


def manager_of(user: User) -> object:
    """The ``externalId`` of a user's manager, None, or an absence."""
    value = _MANAGER(user)
    if isinstance(value, dict):
        return value.get("value", Absence.OMITTED)
    return value


_PATH = re.compile(r'(?:(urn:.+):)?(\w+)(?:\[type eq "([^"]+)"\])?(?:\.(\w+))?')


def read_path(path: str) -> Reader:
    """A function that reads one attribute path of a SCIM user; it is a rule, so its second argument is idle.

    Args:
        path: Such as ``name.givenName``, ``emails[type eq "work"].value``, or an extension's URN and name.

    Raises:
        ValueError: when it is not a path.
    """
    if not (found := _PATH.fullmatch(path)):
        raise ValueError(path)
    urn, name, kind, part = found.groups()
    if kind:
        return _item_reader(name, kind, part)
    if urn or part:
        return _part_reader(urn or name, name if urn else part)
    return lambda user, _=None: user.get(name, Absence.OMITTED)


def _part_reader(parent: str, name: str) -> Reader:
    def read(user: User, _: object = None) -> object:
        whole = user.get(parent)
        return whole.get(name, Absence.OMITTED) if whole.__class__ is dict else Absence.OUTSIDE

    return read


def _item_reader(name: str, kind: str, part: str) -> Reader:
    def read(user: User, _: object = None) -> object:
        items = user.get(name)
        if items.__class__ is list:
            for item in items:
                if item.__class__ is dict and item.get("type") == kind:
                    return item.get(part, Absence.OMITTED)
        return Absence.OUTSIDE

    return read


_MANAGER = read_path(f"{ENTERPRISE}:manager")


def _direct(target: str, source: str, *, match: bool = False, owned: bool = False) -> AttributeMapping:
    return AttributeMapping(target, read_path(source), source, match=match, owned=owned)


def _local_part(user: User) -> str:
    """``Replace([userName], , "(?<Suffix>@(.)*)", "Suffix", "", , )``."""
    name = user.get("userName")
    return name.partition("@")[0] if isinstance(name, str) else ""


def _is_active(user: User, context: Context) -> bool | Absence:
    active = user.get("active")
    if isinstance(active, str):
        return active.lower() == "true"
    if active is None:
        disable = context.settings.flow_nulls or context.settings.omitted_active == "disable"
        return False if disable else Absence.OMITTED
    return bool(active)


def _account_disabled(user: User, context: Context) -> bool | Absence:
    """``Not([active])``."""
    active = _is_active(user, context)
    return active if isinstance(active, Absence) else not active


def _entra_name(user: User, context: Context) -> object:
    """``Join("@", Replace([userName], ...), DefaultDomain())``: the domain of the userName is dropped."""
    local = _local_part(user)
    if not local:
        return Absence.OMITTED
    if not context.settings.default_domain:
        raise EntryError(
            "InvalidDomain", "The domain does not exist: the tenant has no default verified domain."
        )
    if not _UPN.fullmatch(local):
        reason = "Property userPrincipalName is invalid."
        raise EntryError("AzureActiveDirectoryInvalidUserPrincipalName", reason)
    return f"{local}@{context.settings.default_domain}"


_UPN = re.compile(r"(?!\.)[A-Za-z0-9'.\-_!#^~]{1,64}(?<!\.)")


def _ad_account(user: User, context: Context) -> object:
    base = re.sub(r'["/\\\[\]:;|=,+*?<>@\s]', "", _local_part(user))[:20]
    return (
        _free("account", lambda mark: f"{base[: 20 - len(mark)]}{mark}", context) if base else Absence.OMITTED
    )


def _ad_principal(user: User, context: Context) -> object:
    local = _local_part(user)
    domain = context.settings.ad_domain
    return _free("upn", lambda mark: f"{local}{mark}@{domain}", context) if local else Absence.OMITTED


def _ad_common_name(user: User, context: Context) -> object:
    name = user.get("displayName")
    if not isinstance(name, str) or not name:
        return Absence.OMITTED
    base, settings = name[:56], context.settings
    found = _free("dn", lambda mark: distinguished_name(f"{base} {mark}".rstrip(), settings), context)
    return unescape(found[3 : -len(settings.default_ou) - 1])


def _ad_distinguished_name(_: User, context: Context) -> object:
    name = context.values.get("cn")
    return distinguished_name(name, context.settings) if name else Absence.OMITTED


def distinguished_name(common_name: str, settings: Settings) -> str:
    """The name of an object in the container for new users (RFC 4514 section 2.4)."""
    escaped = re.sub(r'([,\\+"<>;=#])', r"\\\1", common_name)
    return f"CN={escaped},{settings.default_ou}"


def unescape(text: str) -> str:
    """An RFC 4514 value as it was before it was escaped."""
    return re.sub(r"\\(.)", r"\1", text)


def _free(column: str, name: Callable[[str], str], context: Context) -> str:
    """The first name that nobody has, as with SelectUniqueValue: the plain one, then with 2, 3 and so on."""
    number, found = 1, name("")
    while context.settings.number_names and context.taken(column, found):
        number += 1
        found = name(str(number))
    return found


_WORK_ADDRESS = 'addresses[type eq "work"]'

ENTRA: Final = Target(
    template="API2AAD",
    directory="Azure Active Directory",
    mappings=(
        _direct("employeeId", "externalId", match=True),
        AttributeMapping("accountEnabled", _is_active),
        _direct("city", f"{_WORK_ADDRESS}.locality"),
        _direct("country", f"{_WORK_ADDRESS}.country"),
        _direct("department", f"{ENTERPRISE}:department"),
        _direct("displayName", "displayName"),
        _direct("facsimileTelephoneNumber", 'phoneNumbers[type eq "fax"].value'),
        _direct("givenName", "name.givenName"),
        _direct("jobTitle", "title"),
        # Exchange owns it: the row is in the default mapping, but without effect.
        _direct("mail", 'emails[type eq "work"].value', owned=True),
        AttributeMapping("mailNickname", lambda user, _: _local_part(user)),
        _direct("mobile", 'phoneNumbers[type eq "mobile"].value'),
        _direct("physicalDeliveryOfficeName", f"{_WORK_ADDRESS}.formatted"),
        _direct("preferredLanguage", "preferredLanguage"),
        _direct("surname", "name.familyName"),
        _direct("telephoneNumber", 'phoneNumbers[type eq "work"].value'),
        AttributeMapping("userPrincipalName", _entra_name),
    ),
    reference=("manager", "id"),
    enabled=("accountEnabled", True),
    required=("employeeId", "displayName", "mailNickname", "userPrincipalName"),
    names=(("upn", "userPrincipalName"),),
)

AD: Final = Target(
    template="API2AD",
    directory="Active Directory",
    mappings=(
        _direct("employeeID", "externalId", match=True),
        AttributeMapping("accountDisabled", _account_disabled),
        _direct("displayName", "displayName"),
        _direct("givenName", "name.givenName"),
        _direct("sn", "name.familyName"),
        _direct("title", "title"),
        _direct("company", f"{ENTERPRISE}:organization"),
        _direct("department", f"{ENTERPRISE}:department"),
        _direct("division", f"{ENTERPRISE}:division"),
        _direct("streetAddress", f"{_WORK_ADDRESS}.streetAddress"),
        _direct("l", f"{_WORK_ADDRESS}.locality"),
        _direct("st", f"{_WORK_ADDRESS}.region"),
        _direct("postalCode", f"{_WORK_ADDRESS}.postalCode"),
        _direct("co", f"{_WORK_ADDRESS}.country"),
        _direct("physicalDeliveryOfficeName", f"{_WORK_ADDRESS}.formatted"),
        _direct("preferredLanguage", "preferredLanguage"),
        _direct("telephoneNumber", 'phoneNumbers[type eq "work"].value'),
        _direct("mobile", 'phoneNumbers[type eq "mobile"].value'),
        AttributeMapping("sAMAccountName", _ad_account, on_create=True),
        AttributeMapping("userPrincipalName", _ad_principal, on_create=True),
        AttributeMapping("cn", _ad_common_name, on_create=True),
        AttributeMapping(
            "parentDistinguishedName", lambda _, context: context.settings.default_ou, on_create=True
        ),
        AttributeMapping("distinguishedName", _ad_distinguished_name, on_create=True),
    ),
    reference=("manager", "distinguishedName"),
    enabled=("accountDisabled", False),
    required=("employeeID", "sAMAccountName", "cn"),
    names=(("upn", "userPrincipalName"), ("account", "sAMAccountName"), ("dn", "distinguishedName")),
)

TARGETS: Final[Mapping[str, Target]] = {"entra-id": ENTRA, "on-premises-ad": AD}
