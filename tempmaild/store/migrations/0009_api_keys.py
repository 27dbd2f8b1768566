"""Keys of the API, and what the console needs to find rows of the audit log, and receipts, among many."""

from peewee import BigAutoField, BigIntegerField, BlobField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator


class ApiKey(Model):
    id = BigAutoField()
    name = TextField(unique=True)
    prefix = TextField(index=True)
    verifier = BlobField()
    old_prefix = TextField(index=True)
    old_verifier = BlobField()
    old_until = BigIntegerField()
    scopes = TextField()
    networks = TextField()
    created_by = TextField()
    created_at = BigIntegerField()
    expires_at = BigIntegerField()
    used_at = BigIntegerField()

    class Meta:
        table_name = "api_key"


INDEXES = (
    ("audit", ("at", "id")),
    ("audit", ("action", "at", "id")),
    ("audit", ("actor", "at", "id")),
    ("audit", ("actor", "action", "at", "id")),
    ("audit", ("subject", "at", "id")),
    ("receipt", ("issued_at", "lookup")),
)


def up(_migrator: SchemaMigrator, database: Database) -> None:
    with database.bind_ctx([ApiKey]):
        database.create_tables([ApiKey], safe=False)
    for table, columns in INDEXES:
        database.execute_sql(f"CREATE INDEX {table}_{'_'.join(columns)} ON {table} ({', '.join(columns)})")
