"""Run and watch workflows in a terminal."""
