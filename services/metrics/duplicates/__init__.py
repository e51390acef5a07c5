"""Duplicates among rows, and rows of a training set that a test set has.

exact_duplicates(texts)                 rows with the very same text
near_duplicates(tokens)                 rows whose sets of word shingles have Jaccard >= threshold, exactly
contamination(training, test)           training rows that hold the n-grams of a test row
"""

from services.metrics.duplicates.contamination import Contamination, HeldOutIndex, contamination
from services.metrics.duplicates.exact import exact_duplicates
from services.metrics.duplicates.groups import Groups
from services.metrics.duplicates.near import NearDuplicates, near_duplicates

__all__ = [
    "Contamination",
    "Groups",
    "HeldOutIndex",
    "NearDuplicates",
    "contamination",
    "exact_duplicates",
    "near_duplicates",
]
