"""Turn a `WorkflowSpec`, or a workflow file, into a `Plan`: see ``resolve``."""
