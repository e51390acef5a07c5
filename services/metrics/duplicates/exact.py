"""Rows with the very same text: of the same characters, whichever way Unicode spells them (NFC)."""

from __future__ import annotations

import numpy as np

from services.metrics.duplicates.groups import Groups
from services.metrics.lexical.text.normal import in_normal_form
from services.metrics.lexical.text.texts import Texts, arrow_texts


def exact_duplicates(texts: Texts) -> Groups:
    """Groups of rows whose texts are equal, character for character (`shared/text/normal.py`)."""
    array = in_normal_form(arrow_texts(texts))
    numbers = array.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    _, first = np.unique(numbers, return_index=True)
    return Groups(first[numbers].astype(np.int64) if len(numbers) else numbers)
