"""What a request reads before a model is asked: its input artifacts as plain values, and their lengths."""
