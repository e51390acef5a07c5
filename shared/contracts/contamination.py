"""The two numbers of contamination (`shared/text/contamination.py`), the same wherever it is asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

NGRAM_WORDS = 8
"""Words of an n-gram. A row of fewer words is compared as a whole."""
HELD_SHARE = 0.5
"""A row holds a test row when it has at least this share of the test row's different n-grams."""

NgramWords = Annotated[int, Field(ge=1, le=50)]
HeldShare = Annotated[float, Field(gt=0, le=1)]
