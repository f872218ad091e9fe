"""The key that seals people's values, under a key of the environment."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; without a row in it, values are kept as they are."""
    op.create_table(
        "data_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="current, next"),
        sa.Column(
            "mode",
            sa.String(length=16),
            nullable=False,
            comment="how values are kept: keep, encrypt, digest",
        ),
        sa.Column(
            "wrapped",
            sa.LargeBinary(length=128),
            nullable=False,
            comment="the data key, under a key that is not here",
        ),
        sa.Column("fingerprint", sa.String(length=16), nullable=False, comment="of that key"),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("data_key")
