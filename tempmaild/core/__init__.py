"""Pure values and rules: no reactor, database, socket or clock."""
