"""The tab of the log: files read by a thread, search in one log and in all."""
