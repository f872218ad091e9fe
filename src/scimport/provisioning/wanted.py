"""The app as the project's files want it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scimport.codes import Code
from scimport.errors import ConfigError, UsageError
from scimport.mappings.attributes import Attribute
from scimport.mappings.schema_file import read_schema
from scimport.project import Pipeline, Project
from scimport.project.provisioning import AttributeMapping, Clause

# Custom dates are declared as texts: https://learn.microsoft.com/entra/identity/app-provisioning/
# inbound-provisioning-api-custom-attributes
_TYPES = {"boolean": "Boolean", "integer": "Integer"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a job is set to, as far as scimport sets it.

    Attributes:
        notification_email: Who is told of a quarantine; empty for nobody.
        accidental_deletion_threshold: People at once that stop the job; None for off.
        domain: Domain of Active Directory; empty for Entra ID.
        ou: Container for new users; empty for Entra ID.
        skip_out_of_scope_deletions: Whether who leaves the scope is left alone.
    """

    notification_email: str = ""
    accidental_deletion_threshold: int | None = 500
    domain: str = ""
    ou: str = ""
    skip_out_of_scope_deletions: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wanted app.

    Attributes:
        name: Display name.
        target: ``entra-id`` or ``on-premises-ad``.
        settings: What the job is set to.
        attributes: Types of the custom attributes by their name with the URN.
        mappings: What differs from the default, by attribute of the directory.
        scope: The scoping filter; empty for everybody.
        flow_nulls: Attributes of the user whose blanks are cleared; True for all, False for none.
    """

    name: str
    target: str
    settings: Settings
    attributes: Mapping[str, str]
    mappings: Mapping[str, AttributeMapping]
    scope: tuple[tuple[Clause, ...], ...]
    flow_nulls: bool | tuple[str, ...]


def wanted_app(project: Project, pipeline: Pipeline) -> Wanted:
    """Read what a pipeline wants of its app.

    Raises:
        ConfigError: A file of its mapping is wrong.
        UsageError: The pipeline does not describe its app.
    """
    app = pipeline.config.app
    if app.name is None:
        message = "the pipeline does not describe its app, which scimport therefore leaves alone"
        hint = "Give it name, notification_email and what else differs from the default; see docs/apps.md."
        raise UsageError(pipeline.document.problem(Code.APP_NOT_MANAGED, ("app",), message, hint))
    threshold = app.accidental_deletion_threshold
    settings = Settings(
        notification_email=app.notification_email or "",
        accidental_deletion_threshold=None if threshold == "off" else threshold,
        domain=app.domain or "",
        ou=app.ou or "",
        skip_out_of_scope_deletions=app.skip_out_of_scope_deletions,
    )
    custom = derived_attributes(project, pipeline) | dict.fromkeys(app.custom_attributes, "String")
    return Wanted(
        app.name, app.target, settings, custom, app.attribute_mappings, app.scoping_filter, app.flow_nulls
    )


def derived_attributes(project: Project, pipeline: Pipeline) -> dict[str, str]:
    """The custom attributes of the mapping's schemas, with Entra's names of their types.

    Raises:
        ConfigError: A file of the mapping is wrong.
    """
    found: dict[str, str] = {}
    chain = project.mapping_chain(pipeline.config.mapping)
    for loaded in project.schemas(chain):
        extension, problems = read_schema(loaded.file, loaded.data)
        if extension is None:
            raise ConfigError(problems)
        for attribute in filter(_is_simple, extension.sub_attributes):
            found[f"{extension.name}:{attribute.name}"] = _TYPES.get(attribute.type, "String")
    return found


def _is_simple(attribute: Attribute) -> bool:
    """Entra takes no custom attribute that is complex or has several values."""
    return attribute.type != "complex" and not attribute.multi_valued
