"""Where records come from: CSV files and SQL queries, read as rows, and the contract on their columns."""

from __future__ import annotations

from scimport.sources.base import Batch, Source, open_source
from scimport.sources.contract import Contract, compile_contract

__all__ = ["Batch", "Contract", "Source", "compile_contract", "open_source"]
