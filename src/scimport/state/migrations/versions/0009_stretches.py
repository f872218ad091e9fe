"""Stretches of files that are as they were when all their records were as last acknowledged."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Key = sa.String(255).with_variant(
    mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=255), "mysql", "mariadb"
)
Body = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "stretch",
        sa.Column("id", Id, autoincrement=False, nullable=False, comment="the beginning of digest"),
        sa.Column("pipeline", Key, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False, comment="of lines, and how they are read"),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("people", Body, nullable=False, comment="ids of those who are as last acknowledged"),
        sa.Column("lines", Body, nullable=False, comment="before each; empty: one follows the other"),
        sa.Column("row_digests", Body, nullable=False, comment="of their rows"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stretch_pipeline", "stretch", ["pipeline"])
