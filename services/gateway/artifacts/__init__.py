"""Artifacts as the gateway sees them: uploaded, paged through, and followed to what they were made from."""
