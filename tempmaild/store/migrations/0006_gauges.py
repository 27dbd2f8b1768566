"""What the processes of a host say of themselves, and how much there was of what does not add up."""

from peewee import BigIntegerField, CompositeKey, Database, Model, TextField
from playhouse.migrate import SchemaMigrator


class Report(Model):
    host = TextField()
    process = TextField()
    noted_at = BigIntegerField()
    gauges = TextField()

    class Meta:
        primary_key = CompositeKey("host", "process")


class Level(Model):
    hour = BigIntegerField()
    name = TextField()
    value = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("hour", "name")


TABLES = [Report, Level]


def up(_migrator: SchemaMigrator, database: Database) -> None:
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES, safe=False)
