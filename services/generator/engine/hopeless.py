"""When to stop paying: a stage whose candidates will not do, which filter refuses them, and what would help.

The rule: a stage is hopeless when the candidates it has left would not do even if as many of them passed as
the upper bound of the acceptance rate lets expect (Wilson's interval, one-sided at 99.9 %, from all
candidates decided so far), and so many more as luck adds at the same level (a binomial's normal bound). It
is looked at after every candidate; in simulation at most 0.05 % of the runs that would have been filled are
stopped. With none accepted and four candidates for each row that is after about forty; a run that asks for
little of many candidates (a large `max_candidates`) is given longer.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from services.generator.engine.stage import Refusal, Reject

FEWEST = 24
"""Candidates before anything is said about a rate."""
CONFIDENCE = 0.999
ROUNDING = 1e-6
SHOWN = 300
"""Characters of a refused answer in a message."""
HELP: dict[Refusal, str] = {
    Refusal.PARSE: "a prompt template that shows the form, `structured` where the source keeps to a schema, "
    "`sentences: null` where the examples have no fixed number, or a stronger model",
    Refusal.LENGTH: "a larger max_tokens where answers are cut; a larger `acceptance.length.slack`, or "
    "`match: off`, where they are of another length than the examples",
    Refusal.ONLY_THOUGHT: "turning reasoning off (a source's `extra_body`: {chat_template_kwargs: "
    "{enable_thinking: false}}), or a max_tokens that is enough for the thought and the answer",
    Refusal.ECHO: "fewer examples in a prompt (`examples_per_prompt`: weak models copy them), a prompt "
    "template of your own, or a larger `acceptance.echo_words`",
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


def is_hopeless(accepted: float, tried: int, missing: float, left: int) -> bool:
    """In candidates: how many have brought what was wanted, and how many still must of those left."""
    if tried < FEWEST or left <= 0:
        return False
    if missing > left + ROUNDING:
        return True
    rate = upper_rate(round(accepted), tried)
    luck = NormalDist().inv_cdf(CONFIDENCE) * sqrt(rate * (1 - rate) * left)
    return rate * left + luck < missing - ROUNDING


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
