"""The first schema: domains, mailboxes with folders and credentials, messages, what is remembered of the dead."""

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    Database,
    ForeignKeyField,
    Model,
    PostgresqlDatabase,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import SchemaMigrator


class Counter(Model):
    name = TextField(primary_key=True)
    value = BigIntegerField()


class Domain(Model):
    id = BigAutoField()
    name = TextField(unique=True)
    kind = TextField(constraints=[SQL("DEFAULT 'claimed'")])
    sealed = BooleanField(constraints=[SQL("DEFAULT TRUE")])
    enabled = BooleanField(constraints=[SQL("DEFAULT TRUE")])
    policy = TextField(constraints=[SQL("DEFAULT '{}'")])
    created_at = BigIntegerField()


class Mailbox(Model):
    id = BigAutoField()
    domain = ForeignKeyField(Domain, on_delete="RESTRICT", index=True)
    address = TextField(unique=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)
    inbox_id = BigIntegerField()
    public_key = BlobField(null=True)


class Credential(Model):
    id = BigAutoField()
    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=True)
    kind = TextField()
    verifier = BlobField()
    read_only = BooleanField()
    created_at = BigIntegerField()


class Folder(Model):
    id = BigAutoField()
    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=False)
    name = TextField()
    uid_validity = BigIntegerField()
    uid_next = BigIntegerField()
    highest_modseq = BigIntegerField()
    special_use = TextField()
    subscribed = BooleanField()
    messages = BigIntegerField()
    unseen = BigIntegerField()
    size = BigIntegerField()

    class Meta:
        indexes = ((("mailbox", "name"), True),)


class Content(Model):
    id = BigAutoField()
    codec = SmallIntegerField()
    data = BlobField()


class Entry(Model):
    folder = ForeignKeyField(Folder, on_delete="RESTRICT", index=False)
    uid = BigIntegerField()
    id = BigIntegerField()
    modseq = BigIntegerField()
    flags = TextField()
    internal_date = BigIntegerField()
    save_date = BigIntegerField()
    size = BigIntegerField()
    unterminated = BooleanField()
    content = ForeignKeyField(Content, on_delete="RESTRICT", index=True)
    content_key = BlobField(null=True)

    class Meta:
        primary_key = CompositeKey("folder", "uid")


class Summary(Model):
    entry_id = BigAutoField()
    data = BlobField()


class Expunged(Model):
    folder = ForeignKeyField(Folder, on_delete="CASCADE", index=False)
    uid = BigIntegerField()
    modseq = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("folder", "uid")


class Quarantine(Model):
    address = TextField(primary_key=True)
    until = BigIntegerField(index=True)


class Audit(Model):
    id = BigAutoField()
    at = BigIntegerField()
    actor = TextField()
    action = TextField()
    subject = TextField()
    details = TextField()
    previous = BlobField()
    digest = BlobField()


TABLES = [
    Counter,
    Domain,
    Mailbox,
    Credential,
    Folder,
    Content,
    Entry,
    Summary,
    Expunged,
    Quarantine,
    Audit,
]


def up(_migrator: SchemaMigrator, database: Database) -> None:
    # A folder's entries lie together, however far apart they arrived: a listing reads one page for fifty of them.
    Entry._meta.without_rowid = not isinstance(database, PostgresqlDatabase)
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES, safe=False)
        Counter.insert_many([("object", 0), ("uid_validity", 0)], fields=[Counter.name, Counter.value]).execute()
    if isinstance(database, PostgresqlDatabase):
        database.execute_sql("CREATE SEQUENCE object_id")
        # Mail is compressed before it gets here; trying again only costs time.
        for table, column in (("content", "data"), ("summary", "data")):
            database.execute_sql(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
