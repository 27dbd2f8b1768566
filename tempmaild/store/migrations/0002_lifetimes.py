"""Lifetimes, sealing, limits, bans, schedules and receipts."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    Database,
    Model,
    PostgresqlDatabase,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import SchemaMigrator


class RateLimit(Model):
    id = BigAutoField()
    name = TextField(unique=True)
    event = TextField()
    subject = TextField()
    strategy = TextField()
    amount = BigIntegerField()
    window = BigIntegerField()
    action = TextField()
    ban_seconds = BigIntegerField()
    ipv4_prefix = SmallIntegerField()
    ipv6_prefix = SmallIntegerField()
    domain = TextField()
    enabled = BooleanField()

    class Meta:
        table_name = "rate_limit"


class Ban(Model):
    network = TextField(primary_key=True)
    reason = TextField()
    created_at = BigIntegerField()
    until = BigIntegerField(index=True)


class Schedule(Model):
    id = BigAutoField()
    name = TextField(unique=True)
    domain = TextField()
    action = TextField()
    arguments = TextField()
    trigger = TextField()
    timing = TextField()
    enabled = BooleanField()
    created_at = BigIntegerField()
    last_due = BigIntegerField()
    last_run = BigIntegerField()
    last_result = TextField()
    requested = BigIntegerField()
    answered = BigIntegerField()


class Receipt(Model):
    lookup = BlobField(primary_key=True)
    data = TextField()
    issued_at = BigIntegerField()


TABLES = [RateLimit, Ban, Schedule, Receipt]

COLUMNS = (
    ("mailbox", "skeleton", "TEXT NOT NULL DEFAULT ''"),
    ("mailbox", "lifetime", "TEXT NOT NULL DEFAULT '{}'"),
    ("mailbox", "ends_at", "INTEGER NOT NULL DEFAULT 0"),
    ("mailbox", "extend_until", "INTEGER NOT NULL DEFAULT 0"),
    ("mailbox", "used_at", "INTEGER NOT NULL DEFAULT 0"),
    ("mailbox", "erased", "INTEGER NOT NULL DEFAULT 0"),
    ("mailbox", "receipt_lookup", "BLOB"),
    ("mailbox", "receipt_subject", "BLOB"),
    ("credential", "label", "TEXT NOT NULL DEFAULT ''"),
    ("credential", "salt", "BLOB"),
    ("entry", "expires_at", "INTEGER"),
)


def up(_migrator: SchemaMigrator, database: Database) -> None:
    postgres = isinstance(database, PostgresqlDatabase)
    for table, column, kind in COLUMNS:
        spelled = kind.replace("BLOB", "BYTEA").replace("INTEGER", "BIGINT") if postgres else kind
        database.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column} {spelled}")
    # Mailboxes that were there before live as long as they were told to, unsealed.
    database.execute_sql("UPDATE mailbox SET skeleton = address, ends_at = expires_at, used_at = created_at")
    database.execute_sql("CREATE INDEX mailbox_skeleton ON mailbox (skeleton)")
    # Few messages have a time of their own, and those are looked for often.
    database.execute_sql("CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at IS NOT NULL")
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES, safe=False)
        database.execute_sql("INSERT INTO counter (name, value) VALUES ('settings', 0), ('clock', 0), ('sweep', 0)")
