"""The Textual app: screens, widgets, and the threads that read for them."""
