"""What the daemon does by itself, time and again."""
