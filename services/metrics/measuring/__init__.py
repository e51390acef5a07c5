"""Measuring a dataset: which measures were asked for, each computed once, each told with its estimator."""
