"""How often somebody was sent without a change in between."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COMMENTS = {"person": "how often it was sent as it is", "change": "how often it is sent as it is"}


def upgrade() -> None:
    """Everybody who was sent was sent once."""
    for table, comment in _COMMENTS.items():
        column = sa.Column("attempt", sa.Integer(), nullable=False, server_default="1", comment=comment)
        op.add_column(table, column)


def downgrade() -> None:
    """Forget the numbers."""
    for table in _COMMENTS:
        op.drop_column(table, "attempt")
