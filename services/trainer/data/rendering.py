"""From rows to token ids: what the model is given, and what it must predict.

A row is a mapping of one of three kinds: `text` {text}, `completion` {context, completion}, `qa` {context_id,
question, answer} with the contexts in a mapping of their own. Prompt and completion are tokenised apart, so
that the border between them is a token border; a context is tokenised once for all its pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from services.trainer.data.examples import Example, Ids
from services.trainer.data.windows import window_all
from services.trainer.errors import BadRow, OverLongRows, UnsuitableModel
from shared.contracts.training.results import RenderingCounts
from shared.contracts.training.settings import RenderingSettings
from shared.datasets import is_loss_weight, value_at

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Row = Mapping[str, Any]
ONE_DATE = (
    "{% macro strftime_now(format) %}{{ format | replace('%d', '26') | replace('%b', 'Jul') "
    "| replace('%B', 'July') | replace('%m', '07') | replace('%Y', '2024') }}{% endmacro %}"
)
"""Chat templates that write today's date (Llama 3, SmolLM3) write this one, which Llama's fall back to: the
same rows are the same tokens tomorrow.
"""
LINE, SPACE = "\n", "▁"
"""A text after which no space is put in, and how SentencePiece writes one."""


@dataclass(frozen=True)
class Rendered:
    """All rows in tokens, in the order given, and what became of the ones that did not fit."""

    examples: tuple[Example, ...]
    counts: RenderingCounts


def render(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    settings: RenderingSettings,
    *,
    context_length: int | None,
    contexts: Mapping[str, str] | None = None,
    vocabulary: int | None = None,
    weights: str | None = None,
) -> Rendered:
    """Tokens of every row, none longer than the limit.

    `context_length` is the model's own limit in tokens; `settings.max_length` may only lower it.
    `vocabulary` is the number of tokens that the model knows. `weights` is the field of a row that says what
    it counts in the loss; all count alike where unset. Raises BadRow (a weight that is none among them),
    OverLongRows, UnsuitableModel (a chat template asked of a tokenizer without one, tokens that the model
    does not know).
    """
    renderer = _Renderer(tokenizer, settings, contexts or {})
    examples = [renderer.example(row, row_name(row, index)) for index, row in enumerate(rows)]
    if weights is not None:
        examples = [
            replace(example, weight=_weight(row, weights, example.row))
            for row, example in zip(rows, examples, strict=True)
        ]
    limits = [limit for limit in (settings.max_length, context_length) if limit is not None]
    fitted, dropped, windowed = _fit(examples, min(limits) if limits else None, settings, renderer.lead)
    _require_rows(fitted, len(rows))
    _require_known(fitted, vocabulary)
    counts = RenderingCounts(
        rows=len(fitted),
        tokens=sum(map(len, fitted)),
        predicted_tokens=sum(example.predicted for example in fitted),
        longest=max(map(len, fitted)),
        dropped=dropped,
        windowed=windowed,
    )
    return Rendered(tuple(fitted), counts)


def row_name(row: Row, index: int) -> str:
    """The row's own `id`, or its place in the data set."""
    return str(row.get("id", index))


def _require_rows(examples: Sequence[Example], given: int) -> None:
    if not examples:
        raise BadRow("-", f"no rows are left of {given}: there is nothing to learn from")


def _require_known(examples: Sequence[Example], vocabulary: int | None) -> None:
    """An unknown token is an IndexError on the CPU, and on a GPU the end of the process."""
    highest = max(max(example.ids) for example in examples)
    if vocabulary is not None and highest >= vocabulary:
        raise UnsuitableModel(
            f"The tokenizer gives token {highest}, and the model knows {vocabulary} tokens: give the "
            f"architecture a vocab_size above {highest}, or use the tokenizer that belongs to the model."
        )


class _Renderer:
    """Templates and tokenizer of one request."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, settings: RenderingSettings, contexts: Mapping[str, str]
    ) -> None:
        self.tokenizer, self.settings, self.contexts = tokenizer, settings, contexts
        self.lead = _leading_ids(tokenizer)
        self.tail: Ids = () if tokenizer.eos_token_id is None else (int(tokenizer.eos_token_id),)
        self._spaced = tokenizer.convert_ids_to_tokens(list(self._encode("a")))[0].startswith(SPACE)
        self._encode_context = lru_cache(maxsize=None)(self._encode)
        if settings.chat_template and not tokenizer.chat_template:
            raise UnsuitableModel(
                "The tokenizer has no chat template, and the request asks for one: set chat_template to "
                "false, "
                "or use a model that has one."
            )

    def example(self, row: Row, name: str) -> Example:
        """Raises BadRow when nothing of the row would be predicted."""
        made = self._example(row, name)
        if made.predicted < 1:
            raise BadRow(name, "is a single token: there is nothing to predict it from")
        return made

    def _example(self, row: Row, name: str) -> Example:
        if "question" in row:
            return self._qa(row, name)
        if "completion" in row:
            context, completion = _field(row, "context", name), _field(row, "completion", name)
            prompt = _fill(self.settings.prompt_template, context=context)
            return self._prompted(name, prompt, completion)
        if "text" in row:
            return self._text(_field(row, "text", name), name)
        raise BadRow(
            name, "is neither 'text', 'completion' nor 'qa': its fields are " + ", ".join(sorted(row))
        )

    def _text(self, text: str, name: str) -> Example:
        _require_text(text, "text", name)
        if self.settings.chat_template:
            raise BadRow(
                name, "is plain text, and a chat needs a prompt and an answer: set chat_template to false"
            )
        return Example(name, self.lead, self._encode(text) + self._ending())

    def _qa(self, row: Row, name: str) -> Example:
        key = _field(row, "context_id", name)
        if key not in self.contexts:
            raise BadRow(name, f"its context {key!r} is not among the {len(self.contexts)} contexts")
        context = _fill(self.settings.qa_context_template, context=self.contexts[key])
        question = _fill(self.settings.qa_question_template, question=_field(row, "question", name))
        answer = _field(row, "answer", name)
        if self.settings.chat_template:
            return replace(self._prompted(name, context + question, answer), group=key)
        shared = self.lead + self._encode_context(context)
        return Example(
            name, shared + self._encode_on(question), self._completion(answer, name), key, len(shared)
        )

    def _prompted(self, name: str, prompt: str, completion: str) -> Example:
        if self.settings.chat_template:
            return self._chat(name, prompt, completion)
        return Example(name, self.lead + self._encode(prompt), self._completion(completion, name))

    def _chat(self, name: str, prompt: str, completion: str) -> Example:
        _require_text(completion, "completion", name)
        user = {"role": "user", "content": prompt}
        turns = [user, {"role": "assistant", "content": completion}]
        try:
            given = self._chat_text([user], add_generation_prompt=True)
            whole = self._chat_text(turns)
        except TemplateError as error:
            raise UnsuitableModel(
                f"The tokenizer's chat template fails on a prompt and its answer ({error}): set "
                "chat_template to false."
            ) from error
        if not whole.startswith(given):
            raise UnsuitableModel(
                "The tokenizer's chat template does not put the answer after the prompt: the border between "
                "what is "
                "given and what is learned cannot be found. Set chat_template to false."
            )
        return Example(name, self._encode(given), self._encode_on(whole[len(given) :]))

    def _chat_text(self, turns: list[dict[str, str]], **how: Any) -> str:
        template = self.tokenizer.get_chat_template()
        if "strftime_now" in template:
            template = ONE_DATE + template
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, chat_template=template, **how))

    def _completion(self, text: str, name: str) -> Ids:
        _require_text(text, "completion", name)
        return self._encode_on(self.settings.separator + text) + self._ending()

    def _ending(self) -> Ids:
        return self.tail if self.settings.append_eos else ()

    def _encode(self, text: str) -> Ids:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def _encode_on(self, text: str) -> Ids:
        """Tokens of a text that goes on after another one: SentencePiece (Llama 2, Phi-3) puts a space before
        every text that it is given, and here none belongs.
        """
        if not self._spaced:
            return self._encode(text)
        before = self._encode(LINE)
        both = self._encode(LINE + text)
        return both[len(before) :] if both[: len(before)] == before else self._encode(text)


def _field(row: Row, field: str, name: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise BadRow(name, f"its field {field!r} is {'missing' if value is None else 'not text'}")
    return value


def _weight(row: Row, field: str, name: str) -> float:
    value = value_at(row, field)
    if not is_loss_weight(value):
        found = "missing" if value is None else f"{value!r}"
        raise BadRow(
            name,
            f"its weight in the loss, the field {field!r}, is {found}: make it a number above 0, and leave "
            "out rows that are not to count",
        )
    return float(value)


def _require_text(text: str, field: str, name: str) -> None:
    if not text.strip():
        raise BadRow(name, f"its {field} is empty: there is nothing to predict")


def _fill(template: str, **fields: str) -> str:
    for field, value in fields.items():
        before, _, after = template.partition("{" + field + "}")
        template = before + value + after
    return template


def _leading_ids(tokenizer: PreTrainedTokenizerBase) -> Ids:
    """What the tokenizer itself puts before a text (a BOS token, for Llama), and nothing of what it puts
    after.
    """
    if tokenizer.bos_token_id is None:
        return ()
    ids = tokenizer.encode("a", add_special_tokens=True)
    return (int(tokenizer.bos_token_id),) if ids and ids[0] == tokenizer.bos_token_id else ()


def _fit(
    examples: Sequence[Example], limit: int | None, settings: RenderingSettings, lead: Ids
) -> tuple[list[Example], tuple[str, ...], tuple[str, ...]]:
    """The examples that fit, and the names of the dropped and of the windowed ones."""
    over = [example for example in examples if limit is not None and len(example) > limit]
    if not over or limit is None:
        return _share(examples), (), ()
    names = tuple(example.row for example in over)
    if settings.over_long == "refuse":
        raise OverLongRows(names, max(map(len, over)), limit)
    if settings.over_long == "drop":
        return _share([example for example in examples if len(example) <= limit]), names, ()
    windowed = _share(window_all(examples, limit, lead))
    whole = {example.row: len(example) for example in examples}
    return windowed, (), tuple(dict.fromkeys(e.row for e in windowed if whole.get(e.row) != len(e)))


def _share(examples: Iterable[Example]) -> list[Example]:
    """Rows of one context with `shared` set to the prompt tokens they all start with (chat templates wrap
    them).
    """
    examples = list(examples)
    common: dict[str, Ids] = {}
    for example in examples:
        if example.group is not None:
            known = common.get(example.group)
            common[example.group] = example.prompt if known is None else _common_start(known, example.prompt)
    return [
        example if example.group is None else replace(example, shared=len(common[example.group]))
        for example in examples
    ]


def _common_start(one: Ids, other: Ids) -> Ids:
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return one[:length]
    return one[: next(index for index in range(length) if one[index] != other[index])]
