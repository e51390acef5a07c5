"""From dataset artifacts to what a model reads: rows, token ids, windows, and overlap with test rows."""
