"""What the operator has decided of senders and clients, and how much mail came to what."""

from peewee import BigIntegerField, CompositeKey, Database, Model, TextField
from playhouse.migrate import SchemaMigrator


class BlockRule(Model):
    kind = TextField()
    subject = TextField()
    domain = TextField()
    action = TextField()
    note = TextField()
    created_at = BigIntegerField()
    until = BigIntegerField()

    class Meta:
        table_name = "block_rule"
        primary_key = CompositeKey("kind", "subject", "domain")


class Statistic(Model):
    hour = BigIntegerField()
    name = TextField()
    value = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("hour", "name")


TABLES = [BlockRule, Statistic]


def up(_migrator: SchemaMigrator, database: Database) -> None:
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES, safe=False)
    database.execute_sql("INSERT INTO counter (name, value) VALUES ('block_rules', 0)")
