"""tempmaild measured beside Postfix and Dovecot: `make bench`, docs/benchmarks.md."""
