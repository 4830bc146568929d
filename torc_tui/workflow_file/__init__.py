"""Turn the text of a workflow file into a `WorkflowSpec`: see the module ``load``."""
