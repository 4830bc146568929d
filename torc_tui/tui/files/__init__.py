"""The tab Files: the files that jobs read and write, and a viewer."""
