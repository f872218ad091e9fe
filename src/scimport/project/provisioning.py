"""What a pipeline's file says of the app that ``scimport app`` makes and keeps as it is described."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from scimport.codes import Code
from scimport.project.keys import Config
from scimport.project.values import Boolean, Count, Text, refuse

REMOVED = "none"
"""In the place of an expression: the attribute has no mapping."""
OPERATORS = (
    *("EQUALS", "NOT EQUALS", "IS TRUE", "IS FALSE", "IS NULL", "IS NOT NULL", "REGEX MATCH"),
    *("NOT REGEX MATCH", "Greater_Than", "Greater_Than_OR_EQUALS", "Includes", "ENDS_WITH", "&", "!&"),
)


def _operator(value: object) -> object:
    if value not in OPERATORS:
        raise refuse(f"must be one of {', '.join(OPERATORS)}")
    return value


class AttributeMapping(Config):
    """How one attribute of the directory gets its value."""

    expression: Text = Field(
        description='Entra\'s expression: [attribute], "constant", a function of them, or none.'
    )
    when: Literal["always", "create"] = Field(
        default="always", description="always, or create: only when the user is created."
    )
    match: Count = Field(
        default=0, description="Precedence as a matching attribute, 1 first; 0: it is not one."
    )
    default: Text | None = Field(default=None, description="Value for a new user when there is none.")


class Clause(Config):
    """A condition of the scoping filter."""

    attribute: Text = Field(description="Attribute of the SCIM user, as in an attribute mapping.")
    operator: Annotated[str, BeforeValidator(_operator)] = Field(
        description=f"One of {', '.join(OPERATORS)}."
    )
    value: Text | None = Field(default=None, description="What it is compared with, where it is.")

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        unary = self.operator.startswith("IS ")
        if unary == (self.value is not None):
            words = "does not go with this operator" if unary else "is missing"
            raise refuse(words, key="value", code=Code.BAD_VALUE if unary else Code.MISSING_KEY)
        return self


def _spread(value: object) -> object:
    """An expression alone is a mapping that is always applied."""
    return {"expression": value} if isinstance(value, str) else value


def _threshold(value: object) -> object:
    if value == "off" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise refuse("must be a whole number from 1, or off")


_ATTRIBUTE = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["expression"],
            "properties": {
                "expression": {"type": "string"},
                "when": {"enum": ["always", "create"]},
                "match": {"type": "integer", "minimum": 0},
                "default": {"type": "string"},
            },
        },
    ]
}
Mapping = Annotated[AttributeMapping, BeforeValidator(_spread), WithJsonSchema(_ATTRIBUTE)]
Threshold = Annotated[
    Any,
    BeforeValidator(_threshold),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "off"}]}),
]


class ProvisioningConfig(Config):
    """The wanted app. With a ``name`` it is managed: ``scimport app apply`` makes it so."""

    target: Literal["on-premises-ad", "entra-id"] = Field(
        description="The directory behind the app: on-premises Active Directory, or Microsoft Entra ID."
    )
    name: Text | None = Field(
        default=None, description="Display name of the app; with it, scimport app makes and keeps the app."
    )
    notification_email: Text | None = Field(
        default=None,
        description="Who is told when the app goes into quarantine; without it, it does so at its start.",
    )
    accidental_deletion_threshold: Threshold = Field(
        default=500, description="People deleted or disabled at once that stop the app; or off."
    )
    domain: Text | None = Field(default=None, description="Domain of Active Directory.")
    ou: Text | None = Field(
        default=None, description="Distinguished name of the container for new users of Active Directory."
    )
    attribute_mappings: dict[str, Mapping] = Field(
        default_factory=dict,
        description="What differs from the default: an expression of Entra by attribute of the directory.",
    )
    custom_attributes: tuple[Text, ...] = Field(
        default=(), description="Attributes beside those of the mapping's schemas, each with its URN."
    )
    scoping_filter: tuple[tuple[Clause, ...], ...] = Field(
        default=(), description="Who is provisioned: groups of conditions, one of which must hold as a whole."
    )
    flow_nulls: Boolean | tuple[Text, ...] = Field(
        default=False,
        description="Whether what is blank or left out is cleared in the directory: false, true, or a list"
        " of the user's attributes.",
    )
    skip_out_of_scope_deletions: Boolean = Field(
        default=False, description="Whether who leaves the scoping filter keeps the account as it is."
    )

    @property
    def managed(self) -> bool:
        """Whether ``scimport app`` makes it."""
        return self.name is not None

    @model_validator(mode="after")
    def _check_managed(self) -> Self:
        if not self.managed:
            return self
        wanted = {"notification_email": "Without it the app goes into quarantine when it is started."}
        if self.target == "on-premises-ad":
            wanted |= {
                "domain": "The domain that a provisioning agent has registered: scimport app agents NAME.",
                "ou": "For example OU=People,DC=corp,DC=acme,DC=example.",
            }
        for key, hint in wanted.items():
            if getattr(self, key) is None:
                raise refuse("is missing", hint, key=key, code=Code.MISSING_KEY)
        return self
