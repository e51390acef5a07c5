"""Confidence intervals, by the method that is right for each measure."""
