"""What clients keep with folders, and subscriptions that outlive them."""

from peewee import BigAutoField, BigIntegerField, BlobField, CompositeKey, Database, ForeignKeyField, Model, TextField
from playhouse.migrate import SchemaMigrator


class Mailbox(Model):
    id = BigAutoField()


class LostSubscription(Model):
    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=False)
    name = TextField()

    class Meta:
        table_name = "lost_subscription"
        primary_key = CompositeKey("mailbox", "name")


class Metadata(Model):
    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=False)
    folder_id = BigIntegerField()
    name = TextField()
    value_key = BlobField(null=True)
    data = BlobField()

    class Meta:
        primary_key = CompositeKey("mailbox", "folder_id", "name")


TABLES = [LostSubscription, Metadata]


def up(_migrator: SchemaMigrator, database: Database) -> None:
    with database.bind_ctx([Mailbox, *TABLES]):
        database.create_tables(TABLES, safe=False)
