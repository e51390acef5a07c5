"""When to stop paying: a stage whose candidates will not do, which filter refuses them, and what would help.

The rule: a stage is hopeless when the upper bound of its acceptance rate (Wilson's interval, one-sided at
99.9 %, from all candidates decided so far) is below the rate that the candidates it has left would need. With
none accepted and four candidates for each row that is after about forty; a run that asks for little of many
candidates (a large `max_candidates`) is given longer.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from services.generator.engine.stage import Refusal, Reject

FEWEST = 24
"""Candidates before anything is said about a rate."""
CONFIDENCE = 0.999
SHOWN = 300
"""Characters of a refused answer in a message."""
HELP: dict[Refusal, str] = {
    Refusal.PARSE: "a prompt template that shows the form, `structured` where the source keeps to a schema, "
    "`sentences: null` where the examples have no fixed number, or a stronger model",
    Refusal.LENGTH: "a larger max_tokens where answers are cut; a larger `acceptance.length.slack`, or "
    "`match: off`, where they are of another length than the examples",
    Refusal.ONLY_THOUGHT: "turning reasoning off (a source's `extra_body`: {chat_template_kwargs: "
    "{enable_thinking: false}}), or a max_tokens that is enough for the thought and the answer",
    Refusal.CHATTER: "a prompt template that asks for the text alone, or `acceptance.chatter: false`",
    Refusal.REFUSAL: "another `task`, or another model; `acceptance.refusals: false` keeps such answers",
    Refusal.NEAR_DUPLICATE: "more topics, a higher temperature, or a higher `near_duplicate` (or null)",
    Refusal.CONTAMINATION: "other examples than the held-out set's, or a larger `held_out_words`",
    Refusal.SOURCE_REFUSED: "what the source says; its `omit`, `rename` and `extra_body` fit calls to it",
}


def upper_rate(accepted: int, tried: int) -> float:
    """The most that the acceptance rate may be: Wilson's upper bound."""
    z = NormalDist().inv_cdf(CONFIDENCE)
    share = min(1.0, accepted / tried)
    centre = share + z * z / (2 * tried)
    half = z * sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    return min(1.0, (centre + half) / (1 + z * z / tried))


def needed_rate(missing: float, left: int) -> float:
    """Candidates of those that are left of which each must bring a row."""
    return missing / left if left > 0 else 1.0


def is_hopeless(accepted: float, tried: int, missing: float, left: int) -> bool:
    """In candidates: how many have brought what was wanted, and how many still must of those left."""
    if tried < FEWEST or left <= 0:
        return False
    return upper_rate(round(accepted), tried) < needed_rate(missing, left)


def told(reason: str, example: Reject | None) -> str:
    """What helps against the reason that refuses most, with one refused answer."""
    try:
        help_ = HELP.get(Refusal(reason), "")
    except ValueError:
        help_ = ""
    said = f" What would help: {help_}." if help_ else ""
    if example is None:
        return said
    shown = " ".join(example.text.split())
    shown = shown[:SHOWN] + "…" if len(shown) > SHOWN else shown
    return f" One of those refused as {reason} ({example.detail}): “{shown}”.{said}"
