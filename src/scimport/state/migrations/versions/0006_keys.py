"""Keys of others whom the problem of a record is about."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    keys = sa.Column("keys", sa.Text(), nullable=True, comment="of others whom it is about, as JSON")
    op.add_column("problem", keys)
