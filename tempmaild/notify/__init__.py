"""Who is told when something has happened."""
