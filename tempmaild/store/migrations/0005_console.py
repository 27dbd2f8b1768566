"""The people who operate the host, and what the console keeps."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    Database,
    ForeignKeyField,
    Model,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import SchemaMigrator


class Person(Model):
    id = BigAutoField()
    name = TextField(unique=True)
    role = TextField()
    verifier = BlobField()
    salt = BlobField()
    totp_secret = TextField()
    totp_step = BigIntegerField()
    failed_codes = BigIntegerField()
    failed_codes_since = BigIntegerField()
    zone = TextField()
    language = TextField()
    theme = TextField()
    enabled = BooleanField()
    created_at = BigIntegerField()
    signed_in_at = BigIntegerField()


class RecoveryCode(Model):
    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    verifier = BlobField()

    class Meta:
        table_name = "recovery_code"
        primary_key = CompositeKey("person", "verifier")


class AdminSession(Model):
    id = BigAutoField()
    lookup = BlobField(unique=True)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=True)
    verified = BooleanField()
    failed_codes = SmallIntegerField()
    created_at = BigIntegerField()
    used_at = BigIntegerField()
    expires_at = BigIntegerField()
    address = TextField()
    agent = TextField()

    class Meta:
        table_name = "admin_session"


class Invitation(Model):
    id = BigAutoField()
    lookup = BlobField(unique=True)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=True, null=True)
    role = TextField()
    note = TextField()
    invited_by = TextField()
    created_at = BigIntegerField()
    expires_at = BigIntegerField()


class Schedule(Model):
    id = BigAutoField()


class ScheduleRun(Model):
    id = BigAutoField()
    schedule = ForeignKeyField(Schedule, on_delete="CASCADE", index=True)
    action = TextField()
    began_at = BigIntegerField()
    ended_at = BigIntegerField()
    result = TextField()

    class Meta:
        table_name = "schedule_run"


class LimitUse(Model):
    limit_id = BigIntegerField()
    subject = TextField()
    used = BigIntegerField()
    excess = BigIntegerField()
    noted_at = BigIntegerField(index=True)
    until = BigIntegerField()

    class Meta:
        table_name = "limit_use"
        primary_key = CompositeKey("limit_id", "subject")


TABLES = [Person, RecoveryCode, AdminSession, Invitation, ScheduleRun, LimitUse]


def up(_migrator: SchemaMigrator, database: Database) -> None:
    with database.bind_ctx([Schedule, *TABLES]):
        database.create_tables(TABLES, safe=False)
