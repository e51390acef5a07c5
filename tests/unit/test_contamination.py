"""Contamination is one thing wherever it is asked for: the trainer, a measurement and a generation agree."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.engine.filters.contamination import ContaminationFilter
from services.generator.engine.stage import Draft
from services.metrics.duplicates import contamination
from services.metrics.lexical import Tokens
from services.trainer.data.contamination import overlaps
from shared.contracts.generation.acceptance import Acceptance
from shared.contracts.measurement import MeasureOptions
from shared.contracts.mixture import DeduplicationRequest
from shared.contracts.training.settings import ContaminationSettings
from shared.text.contamination import held_share
from tests.unit.shared.text.scripts import mixed, texts

ENGLISH = "The old fox met a grey goose in the deep snow and they walked home together before the night came."
CHINESE = (
    "小狐狸在雪地里遇见了一只灰色的大鹅，它们一起慢慢地走回了家，天还没有黑，风也停了下来，月亮升起来了。"
)
THAI = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม"
HINDI = "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है"
ARABIC = "يُولَدُ جَمِيعُ النَّاسِ أَحْرَارًا مُتَسَاوِينَ فِي الْكَرَامَةِ وَالْحُقُوقِ وَقَدْ وُهِبُوا عَقْلًا"
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"
FRENCH = "L’été dernier, un élève zélé a mangé des crêpes brûlées à la crème près du théâtre de Genève."

VECTORS = {
    "a copy": (ENGLISH, ENGLISH, True),
    "half copied": (ENGLISH[: len(ENGLISH) * 3 // 4] + "then sang of quite other things.", ENGLISH, True),
    "a quarter copied": (ENGLISH[: len(ENGLISH) // 2] + " then sang of quite other things.", ENGLISH, False),
    "one phrase in common": ("We met a grey goose in the deep snow and then left.", ENGLISH, False),
    "other case and marks": (ENGLISH.upper().replace(" ", " -- "), ENGLISH, True),
    "curly apostrophes": ("It wasn’t the fox’s fault", "It wasn't the fox's fault", True),
    "five words": ("The fox walked home alone.", "the fox walked home alone", True),
    "five words within others": (f"The fox walked home alone. {ENGLISH}", "the fox walked home alone", False),
    "five words of eight": ("The fox walked home alone.", "The fox walked home alone in the snow", False),
    "Chinese, a letter changed": (CHINESE.replace("灰", "白"), CHINESE, True),
    "Chinese, short, a letter changed": ("小狐狸遇见了白鹅", "小狐狸遇见了灰鹅", False),
    "Chinese within other words": (f"他说：{CHINESE}", CHINESE, True),
    "Japanese": (f"{JAPANESE}そうです。", JAPANESE, True),
    "Thai": (f"{THAI} และ", THAI, True),
    "Hindi": (f"सुनो, {HINDI}", HINDI, True),
    "vowelled Arabic": (f"قال {ARABIC}", ARABIC, True),
    "Arabic without its vowels": ("".join(c for c in ARABIC if not unicodedata.combining(c)), ARABIC, False),
    "NFD French": (unicodedata.normalize("NFD", FRENCH.replace("’", "'")), FRENCH, True),
    "no words": ("😀 …", "😀 …", False),
    "empty": ("", "", False),
}


def by_the_trainer(text: str, test: str) -> bool:
    rule = ContaminationSettings()
    return any(overlaps([{"text": text}], [{"text": test}], rule.ngram, rule.threshold))


def by_a_measurement(text: str, test: str) -> bool:
    rule = MeasureOptions()
    found = contamination(Tokens.of([text]), Tokens.of([test]), rule.contamination_order)
    return bool(found.contaminated(rule.contamination_share)[0])


def by_a_generation(text: str, test: str) -> bool:
    rule = Acceptance()
    judge = ContaminationFilter([test], rule.held_out_words, rule.held_out_share)
    return judge.judge(Draft({"text": text}, text, {})) is not None


CALLERS = [by_the_trainer, by_a_measurement, by_a_generation]


@pytest.mark.parametrize("asked", CALLERS)
@pytest.mark.parametrize("name", VECTORS)
def test_every_caller_says_what_the_definition_says(name: str, asked: object) -> None:
    text, test, expected = VECTORS[name]
    assert callable(asked)
    assert (held_share(text, test) >= 0.5) is expected
    assert asked(text, test) is expected


@settings(deadline=None)
@given(st.lists(texts | mixed, min_size=2, max_size=5).map("".join), st.data())
def test_callers_agree_on_any_text(test: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(test)))
    text = data.draw(texts) + test[begin : data.draw(st.integers(begin, len(test)))] + data.draw(texts)
    expected = held_share(text, test) >= 0.5
    assert [asked(text, test) for asked in CALLERS] == [expected] * 3


def test_the_numbers_are_the_same_everywhere() -> None:
    made = DeduplicationRequest.model_validate({"dataset": f"dataset-{'0' * 32}"})
    training, measured, generated = ContaminationSettings(), MeasureOptions(), Acceptance()
    assert (
        (training.ngram, training.threshold)
        == (measured.contamination_order, measured.contamination_share)
        == (generated.held_out_words, generated.held_out_share)
        == (made.contamination_order, made.contamination_share)
    )
