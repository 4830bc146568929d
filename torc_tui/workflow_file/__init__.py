"""Turn the text of a workflow file into a `WorkflowSpec`: see ``load`` and ``loads`` in ``load``."""
