"""Values that were allotted to people because they must be unique."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Key = sa.String(255).with_variant(
    mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=255), "mysql", "mariadb"
)
Body = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    """Make the table."""
    of_plan = "whose value it is until the person is accepted; else empty"
    of_value = "text before the value, the value, text behind it"
    of_pool = "where nobody else may have the value"
    op.create_table(
        "allocation",
        sa.Column("id", Id, nullable=False),
        sa.Column("pipeline", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("pool", sa.String(length=255), nullable=False, comment=of_pool),
        sa.Column("plan_id", Key, nullable=False, comment=of_plan),
        sa.Column("digest", sa.BigInteger(), nullable=False, comment="of the whole text"),
        sa.Column("value", Body, nullable=False, comment=of_value),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_allocation_pipeline_key", "allocation", ["pipeline", "key"])
    op.create_index("ix_allocation_pipeline_digest", "allocation", ["pipeline", "digest"])
