"""IMAP: reading mail with a mail client (RFC 3501, RFC 9051)."""
