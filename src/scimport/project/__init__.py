"""The user's project: the files in pipelines/, sources/ and mappings/, found, read and checked."""

from __future__ import annotations

from scimport.project.config import (
    AppConfig,
    AuthConfig,
    CertificateAuth,
    ClientSecretAuth,
    GuardLimit,
    GuardsConfig,
    ManagedIdentityAuth,
    MappingConfig,
    PipelineConfig,
    ScheduleConfig,
    TokenAuth,
    WorkloadIdentityAuth,
)
from scimport.project.document import Document, load_document
from scimport.project.project import (
    LoadedMapping,
    LoadedSchema,
    LoadedSource,
    Pipeline,
    Project,
    find_project,
    open_project,
    remembering,
)
from scimport.project.source_config import ColumnContract, CsvSourceConfig, SqlSourceConfig
from scimport.project.values import did_you_mean

__all__ = [
    "AppConfig",
    "AuthConfig",
    "CertificateAuth",
    "ClientSecretAuth",
    "ColumnContract",
    "CsvSourceConfig",
    "Document",
    "GuardLimit",
    "GuardsConfig",
    "LoadedMapping",
    "LoadedSchema",
    "LoadedSource",
    "ManagedIdentityAuth",
    "MappingConfig",
    "Pipeline",
    "PipelineConfig",
    "Project",
    "ScheduleConfig",
    "SqlSourceConfig",
    "TokenAuth",
    "WorkloadIdentityAuth",
    "did_you_mean",
    "find_project",
    "load_document",
    "open_project",
    "remembering",
]
