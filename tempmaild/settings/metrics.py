"""The settings of what programs are told about this host."""

from pydantic import Field

from tempmaild.settings.section import AtStart, Section
from tempmaild.settings.values import LocalAddresses


class Metrics(Section):
    """Figures for Prometheus, and the health of this host for whoever watches over it (docs/monitoring.md)."""

    listen: AtStart[LocalAddresses] = Field(
        (),
        description="Addresses to listen on, HTTP without TLS: unix:PATH, or HOST:PORT with an address of this host "
        'alone, such as "127.0.0.1:9825". None for no metrics. Others reach them through a web server in front.',
    )
