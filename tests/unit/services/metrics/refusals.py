"""What the measures refuse, by its stable code: what is said to a person may be said better tomorrow."""

from __future__ import annotations

import pytest

from services.metrics.problems import Unmeasurable


def refused(code: str) -> pytest.RaisesExc[Unmeasurable]:
    """A block that is refused with this code."""
    return pytest.raises(Unmeasurable, check=lambda error: error.code == code)
