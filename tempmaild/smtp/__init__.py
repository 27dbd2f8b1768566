"""SMTP as a mail exchanger speaks it (RFC 5321), and LMTP (RFC 2033)."""
