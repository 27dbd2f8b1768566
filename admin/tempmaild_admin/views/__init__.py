"""The pages, a module for each part of the console."""

from tempmaild_admin.views import (
    bans,
    block_rules,
    domains,
    limits,
    mailboxes,
    messages,
    overview,
    people,
    profile,
    schedules,
    sign_in,
)

BLUEPRINTS = (
    sign_in.blueprint,
    overview.blueprint,
    bans.blueprint,
    block_rules.blueprint,
    domains.blueprint,
    limits.blueprint,
    mailboxes.blueprint,
    messages.blueprint,
    people.blueprint,
    profile.blueprint,
    schedules.blueprint,
)
