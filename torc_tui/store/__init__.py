"""Keep workflows in a database, on SQLite or PostgreSQL."""
