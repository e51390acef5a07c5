"""What this machine lacks for a row."""


class Missing(Exception):
    """The message says what is missing and how to get it."""
