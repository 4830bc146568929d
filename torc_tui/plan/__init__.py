"""Turn a `WorkflowSpec` into a `Plan`: see ``resolve``, and ``plan_file`` for files."""
