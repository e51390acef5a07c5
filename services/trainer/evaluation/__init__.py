"""Measures of a model on test rows: loss, perplexity, and zero-shot benchmarks."""
