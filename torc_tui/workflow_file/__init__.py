"""Text to ``WorkflowSpec``. Import ``load`` and ``loads`` from ``torc_tui.workflow_file.load``."""
