"""The tables as they are now; a test compares them with what the migrations make."""

from __future__ import annotations

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    Model,
    SmallIntegerField,
    TextField,
)


class Counter(Model):
    """Numbers that only grow: ids given (`object`, on SQLite) and the highest UIDVALIDITY that has died."""

    name = TextField(primary_key=True)
    value = BigIntegerField()


class Domain(Model):
    """A domain whose mail we take. `policy` is JSON."""

    id = BigAutoField()
    name = TextField(unique=True)
    kind = TextField(default="claimed")
    sealed = BooleanField(default=True)
    enabled = BooleanField(default=True)
    policy = TextField(default="{}")
    created_at = BigIntegerField()


class Mailbox(Model):
    """A disposable mailbox. `inbox_id` is its INBOX, so that RCPT and delivery need one look-up."""

    id = BigAutoField()
    domain = ForeignKeyField(Domain, on_delete="RESTRICT", index=True)
    address = TextField(unique=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)
    inbox_id = BigIntegerField()
    public_key = BlobField(null=True)


class Credential(Model):
    """A secret that opens a mailbox; only its verifier is kept."""

    id = BigAutoField()
    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=True)
    kind = TextField()
    verifier = BlobField()
    read_only = BooleanField()
    created_at = BigIntegerField()


class Folder(Model):
    """A folder of a mailbox, with its counters."""

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
        """A name is unique in its mailbox."""

        indexes = ((("mailbox", "name"), True),)


class Content(Model):
    """The octets of a message, once however many recipients it has."""

    id = BigAutoField()
    codec = SmallIntegerField()
    data = BlobField()


class Entry(Model):
    """A message in a folder: small rows, so that a listing reads few pages."""

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
        """A UID is unique in its folder, and SQLite keeps the entries of a folder together."""

        primary_key = CompositeKey("folder", "uid")


class Summary(Model):
    """What a client's listing shows of an entry, computed when it arrived, in the order of arrival."""

    entry_id = BigAutoField()
    data = BlobField()


class Expunged(Model):
    """UIDs that are gone, for sessions that have not been told (RFC 7162 §5.3)."""

    folder = ForeignKeyField(Folder, on_delete="CASCADE", index=False)
    uid = BigIntegerField()
    modseq = BigIntegerField()

    class Meta:
        """The order in which they are asked for."""

        primary_key = CompositeKey("folder", "uid")


class Quarantine(Model):
    """Addresses of destroyed mailboxes that nobody gets yet."""

    address = TextField(primary_key=True)
    until = BigIntegerField(index=True)


class Audit(Model):
    """What was done to mailboxes and settings; each row carries the digest of the one before."""

    id = BigAutoField()
    at = BigIntegerField()
    actor = TextField()
    action = TextField()
    subject = TextField()
    details = TextField()
    previous = BlobField()
    digest = BlobField()


TABLES: list[type[Model]] = [
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
