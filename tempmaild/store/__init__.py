"""What is kept, and the only place that knows peewee and SQL. No model leaves it: queries give frozen values."""
