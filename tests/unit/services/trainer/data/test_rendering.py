"""Rows become tokens: borders, shared contexts, and rows that do not fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import PreTrainedTokenizerFast

from services.trainer.data.examples import Example
from services.trainer.data.rendering import Rendered, render
from services.trainer.errors import BadRow, OverLongRows, UnsuitableModel
from shared.contracts.training.settings import RenderingSettings
from tests.unit.services.trainer import tiny

CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def rendered(rows: list[dict[str, Any]], contexts: dict[str, str] | None = None, **changes: Any) -> Rendered:
    limit = changes.pop("limit", None)
    wanted = RenderingSettings.model_validate(changes)
    return render(rows, tiny.tokenizer(), wanted, context_length=limit, contexts=contexts)


def text(example: Example) -> tuple[str, str]:
    decode = tiny.tokenizer().decode
    return decode(list(example.prompt)), decode(list(example.completion))


def test_a_completion_follows_its_context() -> None:
    (example,) = rendered([{"id": "a", "context": "He came.", "completion": "She went."}]).examples
    assert text(example) == ("He came.", " She went.<|end|>")


def test_a_text_is_all_completion() -> None:
    (example,) = rendered([{"text": "He came."}], append_eos=False).examples
    assert (text(example), example.row) == (("", "He came."), "0")
    assert example.predicted == len(example.completion) - 1


def test_templates_are_the_request_s() -> None:
    row = {"context": "He came {question}.", "completion": "She went."}
    (example,) = rendered([row], prompt_template="Story: {context}\nEnd:", separator="\n").examples
    assert text(example) == ("Story: He came {question}.\nEnd:", "\nShe went.<|end|>")


def test_pairs_of_a_context_start_with_the_same_tokens() -> None:
    rows, contexts = tiny.questions(2, 4)
    found = rendered(rows, contexts)
    for example in found.examples:
        prompt, completion = text(example)
        first = next(e for e in found.examples if e.group == example.group)
        assert example.prompt[: example.shared] == first.prompt[: first.shared]
        assert prompt.startswith(contexts[example.group or ""] + "\n\nQuestion: What comes")
        assert completion.startswith(" ")
    assert found.counts.tokens == sum(map(len, found.examples))


def test_a_chat_template_wraps_and_still_shares() -> None:
    coder = tiny.tokenizer()
    coder.chat_template = CHAT
    try:
        rows, contexts = tiny.questions(1, 3)
        found = rendered(rows, contexts, chat_template=True).examples
        prompt, completion = text(found[0])
        assert prompt.startswith("<user>" + contexts["c0"])
        assert prompt.endswith("Answer:</><assistant>")
        assert completion == rows[0]["answer"] + "</><|end|>"  # `</>` is no special token: the end is added
        assert found[0].shared > len(coder.encode(contexts["c0"])) - 5
    finally:
        coder.chat_template = None


def test_a_chat_template_is_given_no_other_date_tomorrow() -> None:
    """Llama 3's and SmolLM3's write today's date into every prompt: a resumed training had other tokens."""
    coder = tiny.tokenizer()
    coder.chat_template = "Today is {{ strftime_now('%d %b %Y') }}." + CHAT
    try:
        found = rendered(tiny.stories(1), chat_template=True).examples
        assert text(found[0])[0].startswith("Today is 26 Jul 2024.<user>")
    finally:
        coder.chat_template = None


def sentencepiece() -> PreTrainedTokenizerFast:
    """As Llama 2's: a space is put before every text, and a line's end is a token of its own."""
    coder = Tokenizer(models.BPE(unk_token="<unk>"))
    coder.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    coder.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(content=" ", left=1)]
    )
    alphabet = sorted(set("Question: What\nAnswer?▁" + tiny.TEXT))
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    coder.train_from_iterator(tiny.SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=coder, bos_token="<s>", eos_token="</s>")


def test_no_space_is_put_between_a_prompt_and_its_completion() -> None:
    """With a tokenizer that puts a space before every text, answers and questions got one too many."""
    coder = sentencepiece()
    rows, contexts = tiny.questions(1, 2)
    asked = RenderingSettings()
    (story,) = render(tiny.stories(1), coder, asked, context_length=None).examples
    row = tiny.stories(1)[0]
    whole = row["context"] + " " + row["completion"]
    assert story.ids == (*coder.encode(whole, add_special_tokens=False), coder.eos_token_id)
    assert coder.decode(story.completion) == row["completion"] + "</s>"
    pair = render(rows, coder, asked, context_length=None, contexts=contexts).examples[0]
    assert coder.decode(pair.prompt) == f"{contexts['c0']}\n\nQuestion: {rows[0]['question']}\nAnswer:"
    assert coder.decode(pair.ids).endswith(f"Answer: {rows[0]['answer']}</s>")


def test_a_chat_template_must_exist() -> None:
    with pytest.raises(UnsuitableModel, match="no chat template"):
        rendered([{"text": "He came."}], chat_template=True)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"id": "x", "context": "He came."}, "neither"),
        ({"id": "x", "context": 3, "completion": "b"}, "not text"),
        ({"id": "x", "context_id": "no", "question": "a?", "answer": "b"}, "not among the 0 contexts"),
        ({"id": "x", "context_id": "no", "question": "a?"}, "'no'"),
    ],
)
def test_a_bad_row_is_named(row: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRow, match=problem) as raised:
        rendered([{"text": "He came."}, row])
    assert raised.value.errors[0].pointer == "/rows/x"


def test_a_row_of_one_token_is_refused() -> None:
    """Without a prompt and an end, nothing would be predicted: the loss was divided by zero."""
    coder = tiny.tokenizer()
    single = coder.decode([coder.encode("He")[0]])
    with pytest.raises(BadRow, match="single token"):
        rendered([{"id": "x", "context": "", "completion": single}], append_eos=False, separator="")


def test_a_chat_of_plain_texts_is_refused() -> None:
    coder = tiny.tokenizer()
    coder.chat_template = CHAT
    try:
        with pytest.raises(BadRow, match="plain text, and a chat needs a prompt"):
            rendered([{"text": "He came."}], chat_template=True)
    finally:
        coder.chat_template = None


def test_a_chat_template_that_fails_is_named() -> None:
    coder = tiny.tokenizer()
    coder.chat_template = "{{ raise_exception('no assistant here') }}"
    try:
        with pytest.raises(
            UnsuitableModel, match=r"fails on a chat of user, assistant \(no assistant here\)"
        ):
            rendered(tiny.stories(1), chat_template=True)
    finally:
        coder.chat_template = None


def test_tokens_that_the_model_does_not_know_are_refused() -> None:
    with pytest.raises(UnsuitableModel, match="the model knows 100 tokens"):
        render(tiny.stories(2), tiny.tokenizer(), RenderingSettings(), context_length=None, vocabulary=100)


def test_rows_that_do_not_fit_are_refused_by_name() -> None:
    rows = tiny.stories(6)
    longest = max(map(len, rendered(rows).examples))
    with pytest.raises(OverLongRows) as raised:
        rendered(rows, limit=longest - 1)
    assert len(raised.value.rows) >= 1
    assert f"the longest has {longest}" in raised.value.detail


def test_rows_that_do_not_fit_are_dropped_and_counted() -> None:
    rows = tiny.stories(6)
    lengths = {example.row: len(example) for example in rendered(rows).examples}
    limit = sorted(lengths.values())[3]
    found = rendered(rows, limit=limit, over_long="drop")
    assert set(found.counts.dropped) == {row for row, length in lengths.items() if length > limit}
    assert {e.row for e in found.examples} == set(lengths) - set(found.counts.dropped)


def test_the_smaller_limit_counts() -> None:
    rows = tiny.stories(6)
    for limit, asked in ((40, None), (512, 40)):
        with pytest.raises(OverLongRows, match="than 40 tokens"):
            rendered(rows, limit=limit, max_length=asked)


def test_a_window_that_cannot_help_says_so() -> None:
    rows = tiny.stories(1)
    completion = len(rendered(rows).examples[0].completion)
    with pytest.raises(OverLongRows, match=r"the completion alone leaves no room.*'drop', raise"):
        rendered(rows, limit=completion, over_long="window")


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(BadRow, match="no rows are left of 6"):
        rendered(tiny.stories(6), limit=3, over_long="drop")


@settings(max_examples=30, deadline=None)
@given(limit=st.integers(5, 60))
def test_a_windowed_text_predicts_every_token_once(limit: int) -> None:
    whole = rendered([{"id": "t", "text": tiny.TEXT}]).examples[0]
    windows = rendered([{"id": "t", "text": tiny.TEXT}], limit=limit, over_long="window").examples
    assert max(map(len, windows)) <= limit
    predicted = [window.completion[0 if window.prompt else 1 :] for window in windows]
    assert sum(predicted, ()) == whole.completion[1:]


@settings(max_examples=30, deadline=None)
@given(limit=st.integers(70, 200))
def test_a_windowed_prompt_keeps_its_newest_tokens_and_its_completion(limit: int) -> None:
    rows = tiny.stories(12)
    before = {example.row: example for example in rendered(rows).examples}
    found = rendered(rows, limit=limit, over_long="window")
    for example in found.examples:
        assert len(example) <= limit
        assert example.completion == before[example.row].completion
        assert before[example.row].prompt[-len(example.prompt) :] == example.prompt
    cut = {e.row for e in found.examples if len(e) < len(before[e.row])}
    assert set(found.counts.windowed) == cut


@settings(max_examples=20, deadline=None)
@given(limit=st.integers(80, 300))
def test_a_windowed_context_stays_shared(limit: int) -> None:
    rows, contexts = tiny.questions(2, 5)
    before = {example.row: example for example in rendered(rows, contexts).examples}
    for example in rendered(rows, contexts, limit=limit, over_long="window").examples:
        whole = before[example.row]
        context = len(tiny.tokenizer().encode(contexts[example.group or ""] + "\n\n"))
        kept = context - (len(whole) - len(example))
        assert len(example) <= limit
        assert 1 <= kept <= example.shared
        assert example.ids == whole.ids[:kept] + whole.ids[context:]


def test_a_chat_cannot_be_windowed() -> None:
    with pytest.raises(ValueError, match="turns would break"):
        RenderingSettings(chat_template=True, over_long="window")
