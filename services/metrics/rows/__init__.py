"""Choosing rows: mixing, sampling, splitting, filtering, de-duplication. Pure functions over row ids."""
