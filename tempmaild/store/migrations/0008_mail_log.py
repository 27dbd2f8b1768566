"""The mail log: what became of the mail that came."""

from peewee import BigIntegerField, BlobField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator


class MailLog(Model):
    id = BigIntegerField(primary_key=True)
    queue_id = TextField()
    stage = TextField()
    client = TextField()
    client_key = BlobField()
    helo = TextField()
    sender = TextField()
    sender_domain = TextField()
    recipient = TextField()
    size = BigIntegerField()
    tls = TextField()
    disposition = TextField()
    decided_by = TextField()
    findings = TextField()
    reply = TextField()

    class Meta:
        table_name = "mail_log"
        indexes = (
            (("queue_id", "id"), False),
            (("client_key", "id"), False),
            (("sender_domain", "id"), False),
            (("recipient", "id"), False),
            (("disposition", "id"), False),
            (("decided_by", "id"), False),
        )


def up(_migrator: SchemaMigrator, database: Database) -> None:
    with database.bind_ctx([MailLog]):
        database.create_tables([MailLog], safe=False)
    database.execute_sql("INSERT INTO counter (name, value) VALUES ('mail_log', 0)")
