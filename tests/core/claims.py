"""Authentication-Results fields that somebody else has written: in our name, in nobody's, and in their own."""

from __future__ import annotations

from typing import Final

from tempmaild.core.authentication_results import LONGEST_HEAD

OURS: Final = "mx.box.example"

CLAIMS: Final = (
    # RFC 8601 Appendix B.7
    (
        b" mx.box.example (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail",
        True,
    ),
    (b" mx.box.example; none", True),
    (b"mx.box.example;none", True),
    (b" mx.box.example", True),
    (b" mx.box.example 1; dkim=pass", True),
    (b" mx.box.example 27; dkim=pass", True),
    (b" mx.box.example 1 (x) ; dkim=pass", True),
    (b" MX.Box.EXAMPLE; dkim=pass", True),
    (b" mx.box.example.; dkim=pass", True),
    (b" mx.box.example..; dkim=pass", True),
    (b"\r\n mx.box.example\r\n ;\r\n dkim=pass", True),
    (b"\r\n\t\r\n mx.box.example; dkim=pass", True),
    (b" mx.box.\r\n example; dkim=pass", True),
    (b" (a comment) mx.box.example; dkim=pass", True),
    (b" (a (nested; \\) one)) (another)mx.box.example(third); dkim=pass", True),
    (b' ("a comment) mx.box.example (") other.example;', True),
    (b" mx(x).box(y).(z)example; dkim=pass", True),
    (b' "mx.box.example"; dkim=pass', True),
    (b' "mx.b\\ox.example" 1; dkim=pass', True),
    (b' "mx".box."example"; dkim=pass', True),
    (b' "mx.box.example; dkim=pass', True),
    (b' " mx.box.example "; dkim=pass', True),
    (b" mx . box . example 1; dkim=pass", True),
    (b" mx\0.box.exa\x01mple; dkim=pass", True),
    ("\uff4dx\u3002box.ex\u00adample; dkim=pass".encode(), True),
    (b" =?utf-8?q?mx=2Ebox=2Eexample?=; dkim=pass", True),
    (b" (=?utf-8?q?=29_mx=2Ebox=2Eexample=3B_=28?=) other.example; dkim=pass", True),
    # nobody's
    (b"", True),
    (b" ", True),
    (b"; dkim=pass", True),
    (b" dkim=pass header.d=bank.example", True),
    (b" (an open comment; other.example; dkim=pass", True),
    (b' "" 1; dkim=pass', True),
    (b" ." + b"; dkim=pass", True),
    (b"(" + b"x" * LONGEST_HEAD + b") other.example; dkim=pass", True),
    # somebody else's
    (b" other.example; dkim=pass", False),
    (b" example; none", False),
    (b" box.example 1; none", False),
    (b" a.mx.box.example; none", False),
    (b" mx.box.example.org; none", False),
    (b" mx-box.example; none", False),
    (b" other.example; x=mx.box.example; mx.box.example; none", False),
    (b" (mx.box.example;) other.example; none", False),
    (b" other.example (mx.box.example); none", False),
    (b' "other; mx.box.example"; none', False),
    (b" \xff\xfe\x80; none", False),
    (b" (=?utf-8?q?x?=) other.example; none", False),
)
"""What follows the name of the field and the colon, and whether it has to be taken out."""
