"""SQL texts, written by ``python -m torc_tui.store.generate``."""
