"""The ranges are those of Unicode's scripts, as the regular expressions of `tokenizers` know them."""

from __future__ import annotations

import re

import pytest
from tokenizers import Regex, pre_tokenizers

from shared.text.unspaced import HAN_AND_KANA, SOUTH_EAST_ASIAN, has_unspaced
from shared.text.words import unspaced_letters
from tests.unit.shared.text.languages import SPACED, UNSPACED

OF_NO_SCRIPT = set("〆〼ーｰﾞﾟ")
"""Letters that Unicode gives to no script, because several use them: here they are Japanese."""


def in_scripts(*scripts: str) -> set[str]:
    everything = "".join(chr(code) for code in range(0xA0, 0x40000) if not 0xD800 <= code < 0xE000)
    other = Regex("[^" + "".join(rf"\p{{{script}}}" for script in scripts) + "]")
    found = pre_tokenizers.Split(other, "removed").pre_tokenize_str(everything)
    return {letter for piece, _ in found for letter in piece if letter.isalnum()}


@pytest.mark.parametrize(
    ("ranges", "scripts"),
    [
        (HAN_AND_KANA, ["Han", "Hiragana", "Katakana", "Bopomofo"]),
        (
            SOUTH_EAST_ASIAN,
            ["Thai", "Lao", "Myanmar", "Khmer", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet"],
        ),
    ],
)
def test_the_ranges_hold_the_letters_of_their_scripts(ranges: str, scripts: list[str]) -> None:
    ours = {chr(code) for code in range(0xA0, 0x40000) if re.match(f"[{ranges}]", chr(code))}
    ours = {letter for letter in ours if letter.isalnum()} - OF_NO_SCRIPT
    assert ours == in_scripts(*scripts)


@pytest.mark.parametrize("language", UNSPACED)
def test_a_letter_has_its_marks(language: str) -> None:
    text = UNSPACED[language]
    assert has_unspaced(text)
    spaced_out = re.sub(r"[\s.,()]", "", text)
    assert "".join(unspaced_letters(text)) == re.sub("[，。、။၊។၌၍၏]", "", spaced_out)


@pytest.mark.parametrize("language", SPACED)
def test_other_scripts_have_none(language: str) -> None:
    assert not has_unspaced(SPACED[language])
    assert unspaced_letters(SPACED[language]) == []
