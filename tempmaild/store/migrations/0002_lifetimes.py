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

from tempmaild.core import address as addresses
from tempmaild.errors import InvalidAddress


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
    scope = TextField()
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

_LIMIT = ("name", "event", "subject", "strategy", "amount", "window", "action", "ban_seconds")
LIMITS = (
    ("new-addresses", "new-address", "network", "moving-window", 5, 3600, "refuse", 0),
    ("failed-logins-delay", "failed-login", "network", "sliding-window-counter", 3, 900, "delay", 0),
    ("failed-logins-ban", "failed-login", "network", "sliding-window-counter", 50, 3600, "ban", 3600),
    ("connections", "connection", "network", "sliding-window-counter", 600, 60, "refuse", 0),
    ("messages", "message", "network", "sliding-window-counter", 6000, 3600, "refuse", 0),
    ("recipients", "recipient", "network", "sliding-window-counter", 20000, 3600, "refuse", 0),
)
"""What an operator begins with."""

POSTGRES_TRIGGERS = (
    """CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is only ever added to'; END $$""",
    """CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()""",
)
SQLITE_TRIGGERS = tuple(
    f"CREATE TRIGGER audit_stays_{event} BEFORE {event} ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END"
    for event in ("UPDATE", "DELETE")
)


def up(_migrator: SchemaMigrator, database: Database) -> None:
    postgres = isinstance(database, PostgresqlDatabase)
    for table, column, kind in COLUMNS:
        spelled = kind.replace("BLOB", "BYTEA").replace("INTEGER", "BIGINT") if postgres else kind
        database.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column} {spelled}")
    # Mailboxes that were there before live as long as they were told to, unsealed.
    database.execute_sql("UPDATE mailbox SET ends_at = expires_at, used_at = created_at")
    _rewrite_addresses(database, "%s" if postgres else "?")
    database.execute_sql("CREATE INDEX mailbox_skeleton ON mailbox (skeleton)")
    # Few messages have a time of their own, and those are looked for often.
    database.execute_sql("CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at IS NOT NULL")
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES, safe=False)
        counters = ", ".join(f"('{name}', 0)" for name in ("settings", "bans", "clock", "sweep"))
        database.execute_sql(f"INSERT INTO counter (name, value) VALUES {counters}")
        for limit in LIMITS:
            values = dict(zip(_LIMIT, limit, strict=True))
            RateLimit.create(**values, ipv4_prefix=32, ipv6_prefix=64, domain="", enabled=True)
    # Keys are few, and are looked for with every destruction.
    database.execute_sql("CREATE INDEX audit_subject ON audit (subject) WHERE action = 'signing-key'")
    for trigger in POSTGRES_TRIGGERS if postgres else SQLITE_TRIGGERS:
        database.execute_sql(trigger)


def _rewrite_addresses(database: Database, mark: str) -> None:
    """Give mailboxes the skeletons of their addresses, and addresses beyond ASCII the form they are now kept in."""
    cursor = database.cursor()
    cursor.execute("SELECT id, address FROM mailbox")
    rows = cursor.fetchall()
    taken = {address for _, address in rows}
    new = []
    for mailbox_id, address in rows:
        normal = _normalised(address)
        kept = address if normal in taken else normal
        new.append((kept, addresses.skeleton(kept), mailbox_id))
        taken.add(kept)
    if new:
        cursor.executemany(f"UPDATE mailbox SET address = {mark}, skeleton = {mark} WHERE id = {mark}", new)


def _normalised(address: str) -> str:
    try:
        return addresses.normalise(address)
    except InvalidAddress:
        return address
