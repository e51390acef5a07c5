"""Uploaded files become rows: streamed, and every fault named by its line."""
