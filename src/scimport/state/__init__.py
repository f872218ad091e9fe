"""Remember: one database of people as last acknowledged, plans, deliveries, problems and runs."""

from scimport.state.database import Database

__all__ = ["Database"]
