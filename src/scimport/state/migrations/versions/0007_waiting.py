"""Who waits for a plan's approval, and since when a pipeline is held."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there waits for nobody."""
    who = "flow run that waits for it"
    op.add_column("plan", sa.Column("waiter", sa.String(64), nullable=False, server_default="", comment=who))
    op.add_column("plan", sa.Column("waits_until", sa.Double()))
    op.add_column("lock", sa.Column("since", sa.Double(), nullable=False, server_default="0"))
