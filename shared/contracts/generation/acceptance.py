"""What refuses a candidate."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from shared.contracts.base import ArtifactId, Contract
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS, HeldShare, NgramWords


class LengthMatch(StrEnum):
    OFF = "off"
    RANGE = "range"
    DISTRIBUTION = "distribution"


class LengthUnit(StrEnum):
    """What lengths are counted in. The summary's `lengths_counted_in` says which it was."""

    AUTO = "auto"
    """`tokenizer` where the first source has one registered, else `words`."""
    TOKENIZER = "tokenizer"
    """Tokens by the first source's tokenizer.json: one yardstick for all rows, whoever wrote them."""
    REPORTED = "reported"
    """Tokens that the server says it wrote (`usage.completion_tokens`: the end mark is one of them). The
    examples are counted by the server too (`POST /tokenize`, as vLLM has it)."""
    WORDS = "words"


class LengthRule(Contract):
    """Token counts matched to the seeds (W: the prompt asks for it; ours: acceptance enforces it too).

    `range` refuses rows outside the 1 %–99 % quantiles of the examples, widened by `slack`; `distribution`
    also fills quotas, so that the accepted lengths are spread like the examples'; `off` only asks in the
    prompt. W does not say whose tokens: `unit` does.
    """

    match: LengthMatch = LengthMatch.RANGE
    unit: LengthUnit = Field(
        default=LengthUnit.AUTO,
        description="`tokenizer`: the first source's own tokens; `reported`: those that the server says it "
        "wrote, where the answer is the row (not for pairs and passages); `words` (characters, where the "
        "examples are of a script that puts no spaces between words); `auto`: `tokenizer` where one is "
        "registered, else `words`.",
    )
    slack: float = Field(default=0.25, ge=0, le=4)
    bins: int = Field(default=4, ge=1, le=32, description="`distribution`: bins of equal share.")


class Acceptance(Contract):
    """What refuses a candidate. Refused candidates are kept in the artifact with the reason."""

    length: LengthRule = LengthRule()
    near_duplicate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Refuse rows whose word-trigram Jaccard similarity with an accepted row is at least this "
        "(estimated with 64 MinHash permutations); 1.0: only exact repetitions; null: none (the papers').",
    )
    refusals: bool = Field(default=True, description="Refuse answers in which the model declines.")
    chatter: bool = Field(
        default=True,
        description="Refuse answers that talk to whoever asked (“Sure! Here is …:”, “Let me know if …”), "
        "unless the examples do it too. Not for the strategies `answers` and `styles`.",
    )
    echo_words: NgramWords | None = Field(
        default=NGRAM_WORDS,
        description="Refuse rows that repeat this many words in a row of their own prompt, its examples "
        "among it; the topic, and the context of pairs, do not count. Null: none. Not for the strategies "
        "`answers` and `styles`.",
    )
    held_out: ArtifactId | None = Field(
        default=None, description="A dataset no row of which a row may hold, such as the test set."
    )
    held_out_words: NgramWords = Field(
        default=NGRAM_WORDS,
        description="n of the n-grams that held-out rows are known by, in words; a shorter row is compared "
        "as a whole. Where no spaces are written, two letters of Chinese or Japanese are taken for a word, "
        "and four of Thai, Lao, Burmese or Khmer.",
    )
    held_out_share: HeldShare = Field(
        default=HELD_SHARE,
        description="A row holds a held-out row when it has at least this share of its different n-grams.",
    )
