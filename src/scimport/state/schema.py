"""The tables of the state database. Times are seconds since 1970 (UTC), by the database's own clock.

The schema is made and changed by the Alembic migrations beside this module; a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only where the type is INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")
# MariaDB and MySQL compare text without case, and cannot index text without a length.
_Key = String(255).with_variant(
    mysql.VARCHAR(255, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
_Body = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")

person = Table(
    "person",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("pipeline", _Key, nullable=False),
    Column("key", _Key, nullable=False),
    Column("external_id", _Key, nullable=False),
    Column("active", Boolean, nullable=False, comment="as last acknowledged"),
    Column("row_digest", LargeBinary(16), nullable=False, comment="empty: the row must be mapped to compare"),
    Column("user_digest", LargeBinary(16), nullable=False),
    Column("acknowledged_at", Double, nullable=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="1", comment="how often it was sent as it is"),
    Column("name_digest", BigInteger, nullable=False, server_default="0", comment="of userName; 0: none"),
    UniqueConstraint("pipeline", "key"),
    # Entries of the provisioning log, and reports, name people by externalId.
    Index("ix_person_pipeline_external_id", "pipeline", "external_id"),
    Index("ix_person_pipeline_name_digest", "pipeline", "name_digest"),
    # For counting, without reading the people themselves.
    Index("ix_person_pipeline_active_id", "pipeline", "active", "id"),
)

# Apart from the people, so that a comparison reads narrow rows only: many to a page.
person_user = Table(
    "person_user",
    metadata,
    Column("person_id", _Id, primary_key=True, autoincrement=False),
    Column("body", _Body, nullable=False, comment="the SCIM user that the endpoint last acknowledged"),
)

# Removed when a plan has not met them. Whether one still holds is compared person by person when it is met.
stretch = Table(
    "stretch",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False, comment="the beginning of digest"),
    Column("pipeline", _Key, nullable=False),
    Column("digest", LargeBinary(16), nullable=False, comment="of lines, and how they are read"),
    Column("records", Integer, nullable=False),
    Column("people", _Body, nullable=False, comment="ids of those who are as last acknowledged"),
    Column("lines", _Body, nullable=False, comment="before each; empty: one follows the other"),
    Column("row_digests", _Body, nullable=False, comment="of their rows"),
    Index("ix_stretch_pipeline", "pipeline"),
)

# People who were accepted before the manager whom their record names: the endpoint has left that empty.
awaited_manager = Table(
    "awaited_manager",
    metadata,
    Column("person_id", _Id, primary_key=True, autoincrement=False),
    Column("external_id", _Key, nullable=False, comment="of the manager"),
)

allocation = Table(
    "allocation",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("pipeline", _Key, nullable=False),
    Column("key", _Key, nullable=False),
    Column("pool", String(255), nullable=False, comment="where nobody else may have the value"),
    Column(
        "plan_id", _Key, nullable=False, comment="whose value it is until the person is accepted; else empty"
    ),
    Column("digest", BigInteger, nullable=False, comment="of the whole text"),
    Column("value", _Body, nullable=False, comment="text before the value, the value, text behind it"),
    Index("ix_allocation_pipeline_key", "pipeline", "key"),
    Index("ix_allocation_pipeline_digest", "pipeline", "digest"),
    Index("ix_allocation_pipeline_plan_id", "pipeline", "plan_id"),
)

# Apart from the people too: one for each, of the last delivery that was accepted. Who waits for the log and
# who has not arrived is found by the first index, however many have arrived.
WORDED = text("(reason <> '' OR recommended_action <> '')")
"""Who has words of the endpoint; as text, since an index is not used where a query says it by parameters."""
outcome = Table(
    "outcome",
    metadata,
    Column("person_id", _Id, primary_key=True, autoincrement=False),
    Column("pipeline", _Key, nullable=False),
    Column("delivery_id", BigInteger, nullable=False, comment="what it is the outcome of"),
    Column(
        "status", String(16), nullable=False, comment="waiting, provisioned, skipped, rejected, unconfirmed"
    ),
    Column("accepted_at", Double, nullable=False, comment="when the delivery was"),
    Column("logged_at", Double, comment="when the endpoint did it, by its own clock; null: not in the log"),
    Column("noted_at", Double, nullable=False),
    Column("code", String(255), nullable=False),
    Column("reason", Text, nullable=False, comment="the endpoint's words, values masked"),
    Column("recommended_action", Text, nullable=False),
    Column("change_id", String(255), nullable=False, comment="the endpoint's own id of the change"),
    Column("cycle_id", String(255), nullable=False, comment="the endpoint's own id of the cycle"),
    Index("ix_outcome_status_pipeline_accepted_at", "status", "pipeline", "accepted_at"),
    Index("ix_outcome_delivery_id", "delivery_id"),
    Index("ix_outcome_noted_at", "noted_at", sqlite_where=WORDED, postgresql_where=WORDED),
)

log_end = Table(
    "log_end",
    metadata,
    Column("pipeline", _Key, primary_key=True),
    Column("logged_at", Double, nullable=False, comment="of the newest entry of its app's log that is known"),
)

plan = Table(
    "plan",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("pipeline", _Key, nullable=False),
    Column("state", _Key, nullable=False, comment="building, staged, applying, done, discarded"),
    Column("created_at", Double, nullable=False),
    Column("counts", Text, nullable=False, comment="PlanCounts as JSON"),
    Column("inputs", Text, nullable=False, comment="digests of pipeline, source and mapping as JSON"),
    Column("stopped", Text, nullable=False, comment="problems of the guards that stop it, as JSON"),
    Column("approved_by", Text, nullable=False, comment="user and machine; empty: nobody"),
    Column("approved_at", Double),
    Column("reason", Text, nullable=False, comment="of the approval"),
    Column("waiter", String(64), nullable=False, server_default="", comment="flow run that waits for it"),
    Column("waits_until", Double),
    Index("ix_plan_pipeline_created_at", "pipeline", "created_at"),
)

change = Table(
    "change",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("plan_id", _Key, nullable=False),
    Column("key", _Key, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("external_id", _Key, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("row_digest", LargeBinary(16), nullable=False),
    Column("user_digest", LargeBinary(16), nullable=False),
    Column("body", _Body, nullable=False),
    Column("delivery_id", BigInteger),
    Column("attempt", Integer, nullable=False, server_default="1", comment="how often it is sent as it is"),
    Column("name_digest", BigInteger, nullable=False, server_default="0", comment="of userName; 0: none"),
    Column("manager", _Key, nullable=False, server_default="", comment="externalId; empty: none is named"),
    UniqueConstraint("plan_id", "key"),
)

# Some hundred changes a row: a column of the change itself would mean to write every user again.
queue = Table(
    "queue",
    metadata,
    Column("plan_id", _Key, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("wave", Integer, nullable=False, comment="sent when all of the waves before it are accepted"),
    Column("changes", Text, nullable=False, comment="their ids in the order in which they are sent, as JSON"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("plan_id", _Key, nullable=False),
    Column("scope", _Key, nullable=False, comment="what shares the endpoint's limits: the tenant"),
    Column("client_request_id", String(36), nullable=False),
    Column("operations", Integer, nullable=False),
    Column("sent_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("result", String(16)),
    Column("http_status", Integer),
    Column("request_id", String(255), nullable=False, comment="the endpoint's own id of the request"),
    Index("ix_delivery_scope_sent_at", "scope", "sent_at"),
    Index("ix_delivery_plan_id", "plan_id"),
    Index("ix_delivery_sent_at", "sent_at"),
)

pace = Table(
    "pace",
    metadata,
    Column("scope", _Key, primary_key=True),
    Column("not_before", Double, nullable=False, comment="the endpoint asked everybody to wait until then"),
)

problem = Table(
    "problem",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("plan_id", _Key, nullable=False),
    Column("code", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("line", BigInteger),
    Column("row", BigInteger),
    Column("key", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("keys", Text, comment="of others whom it is about, as JSON"),
    Index("ix_problem_plan_id", "plan_id"),
    Index("ix_problem_plan_id_key", "plan_id", "key", mysql_length={"key": 255}, mariadb_length={"key": 255}),
)

run = Table(
    "run",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("pipeline", _Key, nullable=False),
    Column("plan_id", _Key, nullable=False),
    Column("state", String(16), nullable=False, comment="running, done, failed, interrupted"),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("summary", Text, nullable=False, comment="RunSummary as JSON"),
    Column("error", Text, nullable=False, comment="why it failed, in one line"),
    Index("ix_run_pipeline_started_at", "pipeline", "started_at"),
    Index("ix_run_pipeline_state_started_at", "pipeline", "state", "started_at"),
    Index("ix_run_plan_id", "plan_id"),
    Index("ix_run_started_at", "started_at"),
)

# At most two: the key in use, and the one that a conversion under way leads to.
data_key = Table(
    "data_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False, comment="current, next"),
    Column("mode", String(16), nullable=False, comment="how values are kept: keep, encrypt, digest"),
    Column("wrapped", LargeBinary(128), nullable=False, comment="the data key, under a key that is not here"),
    Column("fingerprint", String(16), nullable=False, comment="of that key"),
)

lock = Table(
    "lock",
    metadata,
    Column("pipeline", _Key, primary_key=True),
    Column("owner", _Key, nullable=False, comment="host, process and its start: who holds the pipeline"),
    Column("until", Double, nullable=False),
    Column("since", Double, nullable=False, server_default="0"),
)
