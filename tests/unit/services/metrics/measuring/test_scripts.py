"""Measures of texts in six languages count what readers call words, and letters where nobody parts words."""

from __future__ import annotations

import unicodedata
from itertools import product

import pytest

from services.metrics.measuring.measure import IN_LETTERS, measure
from services.metrics.measuring.subject import Embedded, Subject, TextSet
from shared.contracts.measurement import MeasuredValue, MeasureOptions, Metric

HINDI = ["मैं स्कूल जा रहा हूँ", "वह किताब पढ़ रही है"]
FRENCH = "café noël is a fine day"
CHINESE = [
    f"{who}{does}{what}。"
    for who, does, what in product(
        ["小明", "老师", "妈妈", "朋友", "医生"],
        ["喜欢", "看见", "买了", "卖掉"],
        ["苹果", "电影", "汽车", "房子", "衣服"],
    )
]
METRICS = [Metric.DISTINCT, Metric.SELF_BLEU, Metric.LENGTHS, Metric.DUPLICATES, Metric.NEAR_DUPLICATES]


def not_embedded(texts: TextSet) -> Embedded:
    raise AssertionError("no measure here needs embeddings")


def values(texts: list[str], tokenizer: str = "words") -> dict[str, MeasuredValue]:
    options = MeasureOptions(metrics=METRICS, tokenizer=tokenizer)
    return {value.name: value for value in measure(Subject(TextSet.of(texts), options, not_embedded)).values}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (HINDI, 5),
        (["اللُّغَةُ العَرَبِيَّةُ جَمِيلَةٌ", "هٰذَا كِتَابٌ جَدِيدٌ"], 3),
        ([unicodedata.normalize("NFD", FRENCH), FRENCH], 6),
        (["小明喜欢苹果。", "老师看见电影。"], 6),
        (["きょうはいい日", "ねこがねている"], 7),
        (["ที่นี่ดี", "วันนี้ดี"], 3.5),
    ],
    ids=["Hindi", "vowelled Arabic", "NFD French", "Chinese", "Japanese", "Thai"],
)
def test_marks_cut_no_words(texts: list[str], words: float) -> None:
    """Of the last three, letters with the vowels and tones that stand on them."""
    assert values(texts)["length_mean"].value == words


def test_nfc_and_nfd_of_one_sentence_are_one_sentence() -> None:
    found = values([unicodedata.normalize("NFC", FRENCH), unicodedata.normalize("NFD", FRENCH)])
    assert found["duplicate_share"].value == 0.5
    assert found["near_duplicate_share"].value == 0.5
    assert found["distinct_1"].value == 0.5
    assert found["self_bleu"].value == pytest.approx(1)
    assert values([FRENCH, unicodedata.normalize("NFD", FRENCH)], "characters")["distinct_1"].value == (
        pytest.approx(len(set(FRENCH)) / (2 * len(FRENCH)))
    )


def test_chinese_of_one_template_is_no_diverse_text() -> None:
    """A sentence was one word: Distinct-1 was 0.62, and there was no Distinct-2."""
    found, letters = values(CHINESE), values(CHINESE, "characters")
    assert found["distinct_1"].value == pytest.approx(27 / 600)
    assert found["distinct_5"].value is not None
    assert found["self_bleu"].value == pytest.approx(letters["self_bleu"].value, abs=0.05)
    assert IN_LETTERS in found["distinct_1"].note
    assert IN_LETTERS in found["length_mean"].note
    assert IN_LETTERS not in letters["distinct_1"].note
    assert IN_LETTERS not in values([FRENCH, "déjà vu"])["distinct_1"].note


def test_near_duplicates_without_blanks_share_words_not_letters() -> None:
    """A shingle of three words is six letters of Chinese."""
    assert values([CHINESE[0], CHINESE[1]])["near_duplicate_share"].value == 0
    story = "".join(CHINESE[:12])
    assert values([story, story.replace("苹果", "西瓜", 1)])["near_duplicate_share"].value == 0.5
