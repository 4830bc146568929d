"""The jobs of one workflow: model, table, filter, and pages about jobs and groups."""
