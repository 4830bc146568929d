"""The list of workflows, the screen of one workflow, and new workflows."""
