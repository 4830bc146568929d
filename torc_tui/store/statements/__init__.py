"""The statements of the database as SQLAlchemy expressions, one module per concern."""
