"""The pages, a module for each part of the console."""

from tempmaild_admin.views import (
    api_keys,
    audit,
    bans,
    block_rules,
    domains,
    limits,
    mail_log,
    mailboxes,
    messages,
    overview,
    people,
    profile,
    receipts,
    schedules,
    sign_in,
)

BLUEPRINTS = (
    sign_in.blueprint,
    overview.blueprint,
    api_keys.blueprint,
    audit.blueprint,
    bans.blueprint,
    block_rules.blueprint,
    domains.blueprint,
    limits.blueprint,
    mail_log.blueprint,
    mailboxes.blueprint,
    messages.blueprint,
    people.blueprint,
    profile.blueprint,
    receipts.blueprint,
    schedules.blueprint,
)
