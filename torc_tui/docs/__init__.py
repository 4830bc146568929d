"""The user documentation: one Markdown file per topic, shown by ``torc help`` and in the app."""
