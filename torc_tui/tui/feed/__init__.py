"""The threads that read the database, and the records they hand over."""
