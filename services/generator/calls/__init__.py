"""Calls to language models as values, and what is kept of them: answers by key, and what they cost."""
