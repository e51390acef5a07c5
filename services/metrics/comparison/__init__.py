"""Datasets measured together: at equal size, and relative to the group's maximum."""
