"""Perplexities from per-row losses, and what to report of them.

E reports perplexity per response, exp(-mean log p), and its mean without outliers beyond 1.5 interquartile
ranges: the raw mean explodes on one bad response. We give the trimmed mean, the median and the raw mean, and
the token-weighted corpus value beside them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

from shared.contracts.training.results import RowLoss, TrimmedPerplexity, TurnLoss

MAX_EXPONENT = math.log(sys.float_info.max)


def corpus_loss(rows: Sequence[RowLoss]) -> float:
    """Token-weighted mean loss Σ nll / Σ tokens, nats per token."""
    return math.fsum(row.nll for row in rows) / sum(row.tokens for row in rows)


def turn_losses(rows: Sequence[RowLoss]) -> list[TurnLoss]:
    """The loss of the first, second, … learned turn of chats, each over the rows that have one."""
    told: dict[int, list[tuple[int, float]]] = {}
    for row in rows:
        for number, turn in enumerate(row.turns, 1):
            told.setdefault(number, []).append(turn)
    return [
        TurnLoss(
            turn=number,
            rows=len(turns),
            tokens=sum(tokens for tokens, _ in turns),
            loss=math.fsum(nll for _, nll in turns) / sum(tokens for tokens, _ in turns),
        )
        for number, turns in sorted(told.items())
        if any(tokens for tokens, _ in turns)
    ]


def perplexity(loss: float) -> float:
    """exp(loss), at most the largest finite number."""
    return math.exp(loss) if loss < MAX_EXPONENT else sys.float_info.max


def per_response(rows: Sequence[RowLoss]) -> TrimmedPerplexity:
    """E's summary: responses outside [Q1 - 1.5 IQR, Q3 + 1.5 IQR] of the perplexities are left out of the
    mean.

    Quartiles by linear interpolation (numpy's default; E does not say).
    """
    values = np.array([perplexity(row.loss) for row in rows], dtype=np.longdouble)
    first, median, third = np.quantile(values, [0.25, 0.5, 0.75])
    reach = 1.5 * (third - first)
    inside = values[(values >= first - reach) & (values <= third + reach)]
    return TrimmedPerplexity(
        trimmed_mean=float(inside.mean()),
        median=float(median),
        raw_mean=float(values.mean()),
        outliers=len(values) - len(inside),
    )


def perplexity_gap(first: Sequence[RowLoss], second: Sequence[RowLoss]) -> float:
    """|PPL₁ - PPL₂| of two models on the same rows, each exp of its token-weighted loss.

    The baseline "perplexity gap" of "On the Diversity of Synthetic Data" (arXiv 2410.15226), |PPL(L) -
    PPL(XL)| of GPT-2. The tokenizers may differ (then the two count different tokens): the paper's pair
    shares one.
    """
    return abs(perplexity(corpus_loss(first)) - perplexity(corpus_loss(second)))
