"""scimport: a file-driven ETL that carries people from CSV files and SQL tables to SCIM endpoints."""

__version__ = "0.1.0"
