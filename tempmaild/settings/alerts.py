"""The settings of who is told when something is not well."""

from typing import Literal

from pydantic import Field

from tempmaild.settings.section import Section
from tempmaild.settings.values import AlertUrls, IpAddresses


class Alerts(Section):
    """Messages to people about what is not well, by Slack, mail, and many others (docs/monitoring.md)."""

    urls: AlertUrls = Field(
        (),
        repr=False,  # they hold passwords
        description="Where messages go, as apprise has it: slack://TOKEN, mailtos://USER:PASSWORD@HOST, json://HOST. "
        "None for no messages. They are secrets: better in the credential alerts.urls than here.",
    )
    least: Literal["warning", "problem"] = Field(
        "problem", description="What messages are sent about: warning (problems as well), or problem alone."
    )
    own_addresses: IpAddresses = Field(
        (),
        description="The public IP addresses of this host, about which the lists of blocklists.dnsbl are asked once "
        "an hour. None means those that are listened on, and those that host.name has in DNS.",
    )
