"""The messages that both servers are asked about: ours, those of Python's tests, and mail as big senders write it."""

from __future__ import annotations

import os
from pathlib import Path

from tempmaild.core.lines import with_crlf
from tests.needs import messages_of_python

CORPUS = "TESTS_CORPUS"
"""The environment variable that may name a folder with more messages."""

_OURS = Path(__file__).parents[1] / "messages"

_TEXT = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nHello.\n"
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="

COMPOSED = {
    # Gmail: alternatives, long folded fields, ids with signs
    "webmail": (
        "Received: by mail-sor-f41.example.com with SMTPS id a1-20020a05.41\n"
        "        for <me@box.test>; Fri, 20 Nov 2026 01:02:03 -0800 (PST)\n"
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n        d=example.com; s=20230601; t=1732090000;\n"
        f"        b={'Abc+/123' * 8}\n         {'xYz=' * 12}\n"
        "X-Received: by 2002:a05:6402:3489 with SMTP id v9\n"
        "MIME-Version: 1.0\n"
        "From: =?UTF-8?Q?Ren=C3=A9_Gro=C3=9F?= <rene.gross+list@example.com>\n"
        "Date: Fri, 20 Nov 2026 10:02:03 +0100\n"
        "Message-ID: <CAB+x=yZ-_1@mail.example.com>\n"
        "Subject: =?UTF-8?B?w4RyZ2VyIG1pdCBkZXI=?= =?UTF-8?B?IFJlY2hudW5n?=\n"
        'To: "Me, Myself" <me@box.test>, you@example.net\n'
        'Content-Type: multipart/alternative; boundary="000000000000b1a2c3"\n\n'
        '--000000000000b1a2c3\nContent-Type: text/plain; charset="UTF-8"\n'
        "Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe =E2=82=AC\n\n"
        '--000000000000b1a2c3\nContent-Type: text/html; charset="UTF-8"\n'
        'Content-Transfer-Encoding: quoted-printable\n\n<div dir=3D"ltr">Gr=C3=BC=C3=9Fe</div>\n\n'
        "--000000000000b1a2c3--\n"
    ),
    # Outlook: related in mixed, Thread-Topic, attachment with spaces, TNEF
    "outlook": (
        "From: Anna Example <anna@example.org>\nTo: Bob <bob@example.net>\nCC: <carol@example.net>\n"
        "Subject: RE: FW: Angebot 2026\nThread-Topic: Angebot 2026\nThread-Index: AQHaXyZ==\n"
        "Date: Thu, 19 Nov 2026 09:08:07 +0000\nMessage-ID: <AM0PR01MB1234@EURPRD01.example.com>\n"
        "References: <one@example.org>\n\t<two@example.org>\nIn-Reply-To: <two@example.org>\n"
        "Content-Language: de-DE, en-US\nX-MS-Has-Attach: yes\n"
        'Content-Type: multipart/mixed;\n\tboundary="_004_AM0PR01_"\nMIME-Version: 1.0\n\n'
        '--_004_AM0PR01_\nContent-Type: multipart/related;\n\tboundary="_003_"; type="multipart/alternative"\n\n'
        '--_003_\nContent-Type: multipart/alternative;\n\tboundary="_000_"\n\n'
        '--_000_\nContent-Type: text/plain; charset="iso-8859-1"\nContent-Transfer-Encoding: quoted-printable\n\n'
        "Anbei =FCbersende ich\n\n"
        '--_000_\nContent-Type: text/html; charset="iso-8859-1"\nContent-Transfer-Encoding: quoted-printable\n\n'
        "<p>Anbei =FCbersende ich\n\n--_000_--\n\n"
        '--_003_\nContent-Type: image/png; name="image001.png"\nContent-Description: image001.png\n'
        'Content-Disposition: inline; filename="image001.png"; size=70;\n'
        '\tcreation-date="Thu, 19 Nov 2026 09:08:00 GMT"\n'
        f"Content-ID: <image001.png@01DA>\nContent-Transfer-Encoding: base64\n\n{_PNG}\n\n--_003_--\n\n"
        '--_004_AM0PR01_\nContent-Type: application/pdf; name="Angebot Nr 1.pdf"\n'
        "Content-Description: Angebot Nr 1.pdf\n"
        'Content-Disposition: attachment; filename="Angebot Nr 1.pdf"\nContent-Transfer-Encoding: base64\n\n'
        "JVBERi0xLjQK\n\n"
        '--_004_AM0PR01_\nContent-Type: application/ms-tnef; name="winmail.dat"\n'
        "Content-Transfer-Encoding: base64\n\neJ8+IgAA\n\n--_004_AM0PR01_--\n"
    ),
    # Apple Mail: names by RFC 2231, format=flowed
    "apple": (
        "From: =?utf-8?Q?J=C3=BCrgen?= <j@example.org>\n"
        'Content-Type: multipart/mixed;\n boundary="Apple-Mail=_1A-2B"\n'
        "Mime-Version: 1.0 (Mac OS X Mail 16.0 \\(3774.300.61.1.2\\))\n"
        "Subject: Bilder\nMessage-Id: <8E1F@example.org>\nDate: Wed, 18 Nov 2026 23:59:59 +0100\n"
        "To: me@box.test\nX-Mailer: Apple Mail (2.3774.300.61.1.2)\n\n\n"
        "--Apple-Mail=_1A-2B\nContent-Transfer-Encoding: 7bit\n"
        "Content-Type: text/plain;\n\tcharset=us-ascii;\n\tformat=flowed;\n\tdelsp=yes\n\nHere they are.\n\n"
        "--Apple-Mail=_1A-2B\nContent-Disposition: attachment;\n"
        "\tfilename*=utf-8''Gr%C3%BC%C3%9Fe.png\nContent-Type: image/png;\n\tx-unix-mode=0644;\n"
        "\tname*0*=utf-8''Gr%C3%BC;\n\tname*1*=%C3%9Fe.png\n"
        f"Content-Transfer-Encoding: base64\n\n{_PNG}\n--Apple-Mail=_1A-2B--\n"
    ),
    # a bounce: RFC 3464, with the message that came back
    "bounce": (
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org (Mail Delivery System)\nTo: me@box.test\n"
        "Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        "Date: Tue, 17 Nov 2026 04:05:06 +0000 (UTC)\nMessage-Id: <20261117040506.4XyZ@mx.example.org>\n"
        'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="4XyZ.1/mx.example.org"\n\n'
        "This is a MIME-encapsulated message.\n\n"
        "--4XyZ.1/mx.example.org\nContent-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\n"
        "<nobody@example.net>: user unknown\n\n"
        "--4XyZ.1/mx.example.org\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; nobody@example.net\nAction: failed\n\n"
        "--4XyZ.1/mx.example.org\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\n\n"
        "From: me@box.test\nTo: nobody@example.net\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\n"
        "Content-Type: multipart/alternative; boundary=in\n\n--in\n\nplain\n--in\nContent-Type: text/html\n\n<b>\n"
        "--in--\n\n--4XyZ.1/mx.example.org--\n"
    ),
    # an invitation, with an event as alternative and as attachment
    "invitation": (
        "From: Calendar <calendar-notification@example.com>\nSender: Calendar Robot <noreply@example.com>\n"
        "Reply-To: Organiser <o@example.org>\nTo: me@box.test\nSubject: Invitation: Stand-up @ Mon 9am\n"
        "Date: Mon, 16 Nov 2026 08:00:00 GMT\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=m1\n\n--m1\nContent-Type: multipart/alternative; boundary=a1\n\n"
        '--a1\nContent-Type: text/calendar; charset="UTF-8"; method=REQUEST\nContent-Transfer-Encoding: 7bit\n\n'
        "BEGIN:VCALENDAR\nEND:VCALENDAR\n\n--a1--\n\n"
        '--m1\nContent-Type: application/ics; name="invite.ics"\n'
        'Content-Disposition: attachment; filename="invite.ics"\nContent-Transfer-Encoding: base64\n\n'
        "QkVHSU46VkNBTEVOREFSCg==\n--m1--\n"
    ),
    # a list's digest, forwards within forwards
    "forwards": (
        "From: list@example.org\nTo: undisclosed-recipients:;\nSubject: Fwd: Fwd: deep\n"
        "Date: 15 Nov 2026 07:00 EST\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=f1\n\n"
        "--f1\nContent-Type: message/rfc822\nContent-Disposition: attachment; filename=one.eml\n\n"
        "From: a@example.org\nSubject: one\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=f2\n\n"
        "--f2\nContent-Type: message/rfc822\n\nFrom: b@example.org\nSubject: two\n\nThe innermost.\n\n"
        "--f2\nContent-Type: text/plain\n\nbeside\n\n--f2--\n\n--f1--\n"
    ),
    # addresses: groups, comments, quoting, routes, domain literals
    "addresses": (
        'From: "Doe, \\"J\\" R." <"j doe"@example.org>\n'
        'To: Friends: a@example.org, "B, C" <bc@example.org>;, d@example.org, Empty:;\n'
        "Cc: (comment) e@example.org (Eve (the) Elder), <@relay.example.net:f@[192.0.2.1]>\n"
        "Bcc: g@xn--bcher-kva.example\nSubject: addresses\nDate: Sat, 14 Nov 2026 06:00:00 +0000\n\nHello.\n"
    ),
    # eight bits where they should not be, and UTF-8 where RFC 6532 has them
    "eight-bits": "From: Renée <renee@example.org>\nTo: Jürgen Groß <j@exämple.test>\nSubject: Straße € 你好\n"
    + _TEXT,
    # a shop: one HTML part, long lines, many parameters
    "shop": (
        "From: =?utf-8?B?U2hvcCDwn5uN?= <no-reply@shop.example>\nTo: me@box.test\n"
        "Subject: =?utf-8?Q?Your_code_is_=F0=9F=94=91_482913_=E2=80=93_valid_for?=\n =?utf-8?Q?_10_minutes?=\n"
        "List-Unsubscribe: <https://shop.example/u?x=1>,\n <mailto:u@shop.example>\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\nFeedback-ID: 1:2:3:shop\nMIME-Version: 1.0\n"
        "Date: Fri, 13 Nov 2026 13:13:13 -0000\nMessage-ID: <0100018b@email.amazonses.example>\n"
        'Content-Type: text/html; charset=UTF-8; profile="x y"\nContent-Transfer-Encoding: quoted-printable\n\n'
        "<td>" + "=20=\n".join(["Order 482913 shipped"] * 20) + "\n"
    ),
    # S/MIME and PGP: the signed part must keep its octets
    "signed-mail": (
        "From: s@example.org\nTo: me@box.test\nSubject: signed\nDate: Thu, 12 Nov 2026 12:00:00 +0000\n"
        "MIME-Version: 1.0\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\nContent-Location: http://example.org/doc\n"
        'Content-Type: multipart/signed; micalg="sha-256";\n protocol="application/pkcs7-signature"; boundary=s1\n\n'
        "--s1\nContent-Type: text/plain\nContent-Location: part.txt\nContent-MD5: aGVsbG8=\n"
        "Content-Language: en\n\nsigned  \ntext\n\n"
        '--s1\nContent-Type: application/pkcs7-signature; name="smime.p7s"\n'
        'Content-Disposition: attachment; filename="smime.p7s"\nContent-Transfer-Encoding:'
        " base64\n\nMIAGCSqG\n--s1--\n"
    ),
    "cut-header": (
        "From: a@example.org\nContent-Type: multipart/mixed; boundary=cut\n\n--cut\n\ntext\n--cut\n"
        "Content-Type: message/rfc822\n\nFrom: b@example.org\nSubject: no empty line\n--cut\n"
        "Content-Type: image/png\nContent-ID: <c@example.org>\n\nx\n--cut--\n"
    ),
    "nested-end": (
        "From: a@example.org\nContent-Type: multipart/digest; boundary=out\n\n--out\n\nFrom: b@example.org\n"
        "Content-Type: multipart/mixed; boundary=in\n\n--in\n\ntext\n--in--\n--out--\n"
    ),
    "two-words": "From: a@example.org\nContent-Transfer-Encoding: 8 bit\nSubject: two words\n\nHello.\n",
    "empty-values": "From:\nTo: \nSubject:\nDate:\nMessage-ID:\nContent-Type:\nContent-Transfer-Encoding:\n\n",
    "broken-lists": "From: <a@example.org\nTo: b@example.org,, ;c@example.org\nCc: @\nSubject: lists\n\nHello.\n",
    "ascii": "From: a@example.org\nContent-Type: text/plain; charset=US-ASCII\nSubject: ascii\n\nHello.\n",
    "zone-without-space": "Date: 01 Jan 2001 00:01+0000\nFrom: arthur@example.org\nSubject: zone\n\nHello.\n",
    "no-body": "From: a@example.org\nSubject: no body\n\n",
    "old-date": "From: a@example.org\nDate: Tue, 1 Jul 03 10:52:37 +0200 (MESZ)\nSubject: old\n\nHello.\n",
}


_LATER = {"msg_47.txt"}


def load_messages() -> dict[str, bytes]:
    """Give the messages by name; their lines end with CRLF, as they would come in."""
    # Those that every 3.11 has, so that differences can be explained by name.
    paths = [*_OURS.glob("*.eml"), *(path for path in messages_of_python() if path.name not in _LATER)]
    if folder := os.environ.get(CORPUS):
        paths += [path for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".md"]
    found = {path.name: path.read_bytes() for path in sorted(paths)}
    found |= {name: text.encode() for name, text in COMPOSED.items()}
    return {name: with_crlf(octets) for name, octets in found.items() if octets}
