"""One function per act of a user. The command line and the app call the same one; each says what it
did as an event.
"""
