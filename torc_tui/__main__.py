"""Run the program as ``python -m torc_tui``."""

from torc_tui.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
