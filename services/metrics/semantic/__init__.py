"""Diversity of meaning, measured on embeddings: n × d arrays of unit rows."""
