"""Remember: one database of people as last acknowledged, plans, deliveries, problems and runs."""

from scimport.state.access import open_state
from scimport.state.database import Database

__all__ = ["Database", "open_state"]
