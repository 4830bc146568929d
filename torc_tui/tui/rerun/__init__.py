"""The tab *Rerun*: failed jobs by reason, and what would run again."""
