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
    """Numbers by name.

    `object`: ids given (on SQLite); `uid_validity`: the highest that has died; `settings`: how often anything was
    changed that daemons keep in memory; `bans`: how often a network was banned; `block_rules`: how often the rules of
    senders and clients were changed; `mail_log`: the rows of the mail log; `clock`: the latest time any daemon has
    seen; `sweep`: until when one daemon alone sweeps; `alerts`: until when one daemon alone sends alerts; `restored`:
    stands in a backup alone (`store.backup`).
    """

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
    """A disposable mailbox. `inbox_id` is its INBOX, so that RCPT and delivery need one look-up.

    `expires_at` is the sooner of `ends_at` and what the idle time of its `lifetime` (JSON) allows after `used_at`.
    """

    id = BigAutoField()
    domain = ForeignKeyField(Domain, on_delete="RESTRICT", index=True)
    address = TextField(unique=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)
    inbox_id = BigIntegerField()
    public_key = BlobField(null=True)
    skeleton = TextField(default="", index=True)
    lifetime = TextField(default="{}")
    ends_at = BigIntegerField(default=0)
    extend_until = BigIntegerField(default=0)
    used_at = BigIntegerField(default=0)
    erased = BigIntegerField(default=0)
    receipt_lookup = BlobField(null=True)
    receipt_subject = BlobField(null=True)


class Credential(Model):
    """A secret that opens a mailbox; only its verifier is kept. `salt` is there for a password that was chosen."""

    id = BigAutoField()
    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=True)
    kind = TextField()
    verifier = BlobField()
    read_only = BooleanField()
    created_at = BigIntegerField()
    label = TextField(default="")
    salt = BlobField(null=True)


class WrappedKey(Model):
    """The private key of a mailbox, under the secret of one of its credentials. Kept apart from all else."""

    credential_id = BigIntegerField(primary_key=True)
    mailbox_id = BigIntegerField(index=True)
    data = BlobField()

    class Meta:
        """A file of its own on SQLite, a schema of its own on PostgreSQL."""

        table_name = "wrapped_key"
        schema = "keys"


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


class LostSubscription(Model):
    """A name that is subscribed though it has no folder any more (RFC 9051 §6.3.7)."""

    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=False)
    name = TextField()

    class Meta:
        """Peewee would call it `lostsubscription`."""

        table_name = "lost_subscription"
        primary_key = CompositeKey("mailbox", "name")


class Metadata(Model):
    """What clients keep with a folder, or with the whole mailbox where `folder_id` is 0 (RFC 5464).

    `value_key` is there where the value is sealed.
    """

    mailbox = ForeignKeyField(Mailbox, on_delete="CASCADE", index=False)
    folder_id = BigIntegerField()
    name = TextField()
    value_key = BlobField(null=True)
    data = BlobField()

    class Meta:
        """The order in which they are asked for."""

        primary_key = CompositeKey("mailbox", "folder_id", "name")


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
    expires_at = BigIntegerField(null=True)

    class Meta:
        """A UID is unique in its folder, and SQLite keeps the entries of a folder together."""

        primary_key = CompositeKey("folder", "uid")


Entry.add_index(Entry.expires_at, where=Entry.expires_at.is_null(False))


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


class RateLimit(Model):
    """How much of something one subject may do in a time; `core.limit` says what the texts may be."""

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
        """Peewee would call it `ratelimit`."""

        table_name = "rate_limit"


class Ban(Model):
    """A network that is turned away for a while; `core.limit` says what `scope` may be."""

    network = TextField(primary_key=True)
    reason = TextField()
    scope = TextField()
    created_at = BigIntegerField()
    until = BigIntegerField(index=True)


class BlockRule(Model):
    """What the operator has decided of a sender or client; `core.block_rule` says what the texts may be."""

    kind = TextField()
    subject = TextField()
    domain = TextField()
    action = TextField()
    note = TextField()
    created_at = BigIntegerField()
    until = BigIntegerField()

    class Meta:
        """Peewee would call it `blockrule`."""

        table_name = "block_rule"
        primary_key = CompositeKey("kind", "subject", "domain")


class Statistic(Model):
    """How often something has happened in an hour, of which nothing else is kept.

    `hour` is when it began, in UTC epoch seconds.
    """

    hour = BigIntegerField()
    name = TextField()
    value = BigIntegerField()

    class Meta:
        """Its key."""

        primary_key = CompositeKey("hour", "name")


class Level(Model):
    """How much there was of something in an hour, as it was measured last; unlike statistics it does not add up.

    `hour` is when it began, in UTC epoch seconds.
    """

    hour = BigIntegerField()
    name = TextField()
    value = BigIntegerField()

    class Meta:
        """Its key."""

        primary_key = CompositeKey("hour", "name")


class Report(Model):
    """What a process has last said of itself; `gauges` is JSON, numbers by name."""

    host = TextField()
    process = TextField()
    noted_at = BigIntegerField()
    gauges = TextField()

    class Meta:
        """Its key."""

        primary_key = CompositeKey("host", "process")


class MailLog(Model):
    """What became of a message for one recipient; `core.mail_log` says what the values are.

    Every index has the id behind its column: so rows are found in the order of time.
    """

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
        """Peewee would call it `maillog`."""

        table_name = "mail_log"
        indexes = (
            (("queue_id", "id"), False),
            (("client_key", "id"), False),
            (("sender_domain", "id"), False),
            (("recipient", "id"), False),
            (("disposition", "id"), False),
            (("decided_by", "id"), False),
        )


class Schedule(Model):
    """What is to be done to the mailboxes of a domain, or of all, again and again; `arguments` are JSON.

    `last_due` is the time for which it was last run, by whichever daemon; `requested` counts the wishes to run it
    now, `answered` those that were fulfilled.
    """

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


class ScheduleRun(Model):
    """A run of a schedule that is over; `result` is JSON, without the counts of single domains."""

    id = BigAutoField()
    schedule = ForeignKeyField(Schedule, on_delete="CASCADE", index=True)
    action = TextField()
    began_at = BigIntegerField()
    ended_at = BigIntegerField()
    result = TextField()

    class Meta:
        """Peewee would call it `schedulerun`."""

        table_name = "schedule_run"


class LimitUse(Model):
    """What daemons have told of who has used up a limit, or nearly so; they count by themselves, and forget."""

    limit_id = BigIntegerField()
    subject = TextField()
    used = BigIntegerField()
    excess = BigIntegerField()
    noted_at = BigIntegerField(index=True)
    until = BigIntegerField()

    class Meta:
        """Peewee would call it `limituse`."""

        table_name = "limit_use"
        primary_key = CompositeKey("limit_id", "subject")


class Receipt(Model):
    """The signed proof of a destruction, found by the digest of the id that the owner was given."""

    lookup = BlobField(primary_key=True)
    data = TextField()
    issued_at = BigIntegerField()

    class Meta:
        """The latest are shown first."""

        indexes = ((("issued_at", "lookup"), False),)


class Audit(Model):
    """What was done to mailboxes and settings; each row carries the digest of the one before.

    Triggers refuse to change or delete rows.
    """

    id = BigAutoField()
    at = BigIntegerField()
    actor = TextField()
    action = TextField()
    subject = TextField()
    details = TextField()
    previous = BlobField()
    digest = BlobField()


Audit.add_index(Audit.subject, where=Audit.action == "signing-key")
# Whatever is asked for is found by one of these, the latest first.
Audit.add_index(Audit.at, Audit.id)
Audit.add_index(Audit.action, Audit.at, Audit.id)
Audit.add_index(Audit.actor, Audit.at, Audit.id)
Audit.add_index(Audit.actor, Audit.action, Audit.at, Audit.id)
Audit.add_index(Audit.subject, Audit.at, Audit.id)


class Person(Model):
    """Somebody who operates this host; of the password only the verifier is kept.

    `totp_secret` is "" without a second factor, and else as it is, for codes are worked out from it; `totp_step` is
    that of the last code that was used. `failed_codes` counts wrong ones, from `failed_codes_since` on.
    """

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
    """A code that stands in, once, for one of the second factor."""

    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    verifier = BlobField()

    class Meta:
        """Peewee would call it `recoverycode`."""

        table_name = "recovery_code"
        primary_key = CompositeKey("person", "verifier")


class AdminSession(Model):
    """Somebody who is signed in to the console, found by the digest of the token in the cookie.

    Not `verified` is who has given the password, and not yet the code.
    """

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
        """Peewee would call it `adminsession`."""

        table_name = "admin_session"


class Invitation(Model):
    """A link that makes one person, or lets one that there is choose another password, once."""

    id = BigAutoField()
    lookup = BlobField(unique=True)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=True, null=True)
    role = TextField()
    note = TextField()
    invited_by = TextField()
    created_at = BigIntegerField()
    expires_at = BigIntegerField()


class Health(Model):
    """How the daemon of a host has last found its parts; `findings` is JSON."""

    host = TextField(primary_key=True)
    began_at = BigIntegerField()
    noted_at = BigIntegerField()
    findings = TextField()


class Alert(Model):
    """A part that is not well, and what people were told of it; `core.alerts` says what the columns mean."""

    name = TextField(primary_key=True)
    state = TextField()
    since = BigIntegerField()
    told = TextField()
    told_at = BigIntegerField()
    better_since = BigIntegerField()


class AlertMessage(Model):
    """A message with alerts that was sent, or was to be sent and could not."""

    id = BigAutoField()
    sent_at = BigIntegerField()
    subject = TextField()
    delivered = BooleanField()

    class Meta:
        """Peewee would call it `alertmessage`."""

        table_name = "alert_message"


class ApiKey(Model):
    """A key by which a program uses the API; of its secret, and of the one before, only the verifier is kept.

    `scopes` and `networks` are separated by spaces.
    """

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
        """Peewee would call it `apikey`."""

        table_name = "api_key"


TABLES: list[type[Model]] = [
    Counter,
    Domain,
    Mailbox,
    Credential,
    Folder,
    LostSubscription,
    Metadata,
    Content,
    Entry,
    Summary,
    Expunged,
    Quarantine,
    RateLimit,
    Ban,
    BlockRule,
    Statistic,
    MailLog,
    Schedule,
    Receipt,
    Audit,
    Person,
    RecoveryCode,
    AdminSession,
    Invitation,
    ScheduleRun,
    LimitUse,
    ApiKey,
    Report,
    Level,
    Health,
    Alert,
    AlertMessage,
]
"""The tables of the main schema; `WrappedKey` is not among them."""
