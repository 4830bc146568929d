"""Themes, icons and text in cells."""
