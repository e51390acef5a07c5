"""What lexical measures refuse, each with a message a person can act on."""

from __future__ import annotations


class LexicalError(ValueError):
    """The texts or the parameters cannot be measured; the message says what to change."""


class MissingText(LexicalError):
    """A row holds no text (null): drop the row or give it an empty string."""


class BrokenText(LexicalError):
    """A text is not valid Unicode (a lone surrogate): repair or drop the row."""


class UnknownTokeniser(LexicalError):
    """No tokeniser has this name, or the package that provides it is not installed."""


class UnlikeStates(LexicalError):
    """Two states were made with different parameters, so that merging them would mean nothing."""
