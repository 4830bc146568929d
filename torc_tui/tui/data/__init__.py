"""The tab of user data: list, values, versions and editor."""
