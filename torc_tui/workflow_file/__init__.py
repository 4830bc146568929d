"""Turn the text of a workflow file into a `WorkflowSpec`: see the module ``load``."""

FORMATS = {".json": "json", ".json5": "json5", ".yaml": "yaml", ".yml": "yaml", ".kdl": "kdl"}
"""The format of each file extension, in lower case."""
