"""The app itself: start, tick, keys, help, palette and notifications."""
