"""What daemons have found out about how the parts of a host are, and what people were told of it."""

from peewee import BigAutoField, BigIntegerField, BooleanField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator


class Health(Model):
    host = TextField(primary_key=True)
    began_at = BigIntegerField()
    noted_at = BigIntegerField()
    findings = TextField()


class Alert(Model):
    name = TextField(primary_key=True)
    state = TextField()
    since = BigIntegerField()
    told = TextField()
    told_at = BigIntegerField()
    better_since = BigIntegerField()


class AlertMessage(Model):
    id = BigAutoField()
    sent_at = BigIntegerField()
    subject = TextField()
    delivered = BooleanField()

    class Meta:
        table_name = "alert_message"


TABLES = [Health, Alert, AlertMessage]


def up(_migrator: SchemaMigrator, database: Database) -> None:
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES, safe=False)
    database.execute_sql("INSERT INTO counter (name, value) VALUES ('alerts', 0)")
