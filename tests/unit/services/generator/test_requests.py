"""What a request may not say."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.strategies import StyleRule

REQUEST = {"kind": "text", "topics": "topics-" + "0" * 32, "rows": 1}
ADAPTER = "model-" + "0" * 32


def test_a_source_is_named_once() -> None:
    """Two entries of one name would share an account in the ledger, and a probe."""
    with pytest.raises(ValidationError, match="a source is named twice"):
        GenerationRequest.model_validate({**REQUEST, "sources": [{"name": "a"}, {"name": "a", "weight": 2}]})


def test_a_source_and_an_adapter_on_it_are_two() -> None:
    sources = [{"name": "a"}, {"name": "a", "adapter": ADAPTER}]
    assert len(GenerationRequest.model_validate({**REQUEST, "sources": sources}).sources) == 2


def test_candidates_that_cannot_suffice_are_refused() -> None:
    """Before all of them are paid for."""
    with pytest.raises(ValidationError, match=r"max_candidates \(9\) are too few for 10 rows"):
        GenerationRequest.model_validate(
            {**REQUEST, "rows": 10, "max_candidates": 9, "sources": [{"name": "a"}]}
        )


@pytest.mark.parametrize("passages", [[5, 3], [0, 3], [3, 1000]])
def test_passages_are_a_range(passages: list[int]) -> None:
    """Before it is paid for: no answer has five to three passages."""
    with pytest.raises(ValidationError, match="must be a range"):
        StyleRule.model_validate({"passages": passages})


def test_a_limit_that_would_not_be_kept_is_refused() -> None:
    request = {"kind": "completion", "strategy": "answers", "prompts": "dataset-" + "0" * 32}
    with pytest.raises(ValidationError, match="no max_candidates"):
        GenerationRequest.model_validate({**request, "max_candidates": 9, "sources": [{"name": "a"}]})


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "qa", "examples": "dataset-" + "0" * 32},
        {"kind": "qa", "strategy": "paraphrase", "rows": None, "examples": "dataset-" + "0" * 32},
        {"strategy": "styles"},
    ],
)
def test_a_server_counts_whole_answers_and_no_parts_of_them(fields: dict[str, Any]) -> None:
    request = {
        **REQUEST,
        **fields,
        "acceptance": {"length": {"unit": "reported"}},
        "sources": [{"name": "a"}],
    }
    with pytest.raises(ValidationError, match="reported counts whole answers"):
        GenerationRequest.model_validate(request)
