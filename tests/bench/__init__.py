"""tempmaild measured beside Postfix, Dovecot and others: `make bench`, docs/benchmarks.md."""
