"""What a request may not say."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.contracts.generation import GenerationRequest

REQUEST = {"kind": "text", "topics": "topics-" + "0" * 32, "rows": 1}
ADAPTER = "model-" + "0" * 32


def test_a_source_is_named_once() -> None:
    """Two entries of one name would share an account in the ledger, and a probe."""
    with pytest.raises(ValidationError, match="a source is named twice"):
        GenerationRequest.model_validate({**REQUEST, "sources": [{"name": "a"}, {"name": "a", "weight": 2}]})


def test_a_source_and_an_adapter_on_it_are_two() -> None:
    sources = [{"name": "a"}, {"name": "a", "adapter": ADAPTER}]
    assert len(GenerationRequest.model_validate({**REQUEST, "sources": sources}).sources) == 2
