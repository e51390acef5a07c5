"""Vocabulary figures against a Counter."""

from __future__ import annotations

from hypothesis import given

from services.metrics.lexical.measures.vocabulary import Vocabulary
from services.metrics.lexical.ngrams.states import NgramCounts
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import counted, either


@given(either)
def test_figures(corpus: list[str]) -> None:
    counts = list(counted(corpus, 1).values())
    found = Vocabulary.of(NgramCounts.of(Tokens.of(corpus), 1).spectrum())
    assert (found.tokens, found.types, found.hapaxes) == (sum(counts), len(counts), counts.count(1))
    if not counts:
        assert found.type_token_ratio.value is found.hapax_share.value is found.yule.value is None
        return
    assert found.type_token_ratio.value == len(counts) / sum(counts)
    assert found.hapax_share.value == counts.count(1) / len(counts)
    assert found.yule.value == 1e4 * (sum(c * c for c in counts) - sum(counts)) / sum(counts) ** 2
