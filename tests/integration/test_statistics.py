"""What a daemon counts and says of itself arrives in the database, for whoever looks."""

from __future__ import annotations

import imaplib
import smtplib
from contextlib import closing
from typing import TYPE_CHECKING

from tempmaild.appliance import open_appliance
from tempmaild.service.statistics import latency_of
from tests.daemon import start_daemon
from tests.support import MESSAGE, run

if TYPE_CHECKING:
    from pathlib import Path

_HOUR = 3600


def test_a_daemon_counts_and_tells(tmp_path: Path) -> None:
    with closing(start_daemon(tmp_path)) as daemon:
        account = daemon.create()
        with smtplib.SMTP("127.0.0.1", daemon.ports.smtp) as smtp:
            smtp.sendmail("a@example.org", [account.address], MESSAGE)
        with imaplib.IMAP4("127.0.0.1", daemon.ports.imap) as imap:
            imap.login(account.address, account.secret)
        assert daemon.stop() == 0
        appliance = open_appliance(daemon.settings)
        with closing(appliance.handle):
            (report,) = run(appliance.statistics.gauges(86_400))
            levels = {name for _hour, name, _value in run(appliance.amounts.levels(0))}
            hour = int(appliance.now()) // _HOUR * _HOUR
            (counts,) = run(appliance.statistics.between([hour - _HOUR, hour + _HOUR]))
        assert (report.host, report.process) == (daemon.settings.host.name, "main")
        assert {"sessions/smtp", "sessions/imaps", "writer/waiting", "reactor/lag"} <= report.gauges.keys()
        assert levels == {"mailboxes", "messages", "octets", "database"}
        assert (counts["accept"], counts["session/smtp"], counts["session/imap"]) == (1, 1, 1)
        latency = latency_of(counts)
        assert latency is not None
        assert 0 < latency.p50 < 60
