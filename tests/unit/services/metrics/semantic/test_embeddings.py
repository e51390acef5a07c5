"""The built-in embedding, and models in the sentence-transformers layout: a real, tiny, untrained BERT."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.embedding import find_embedder
from services.metrics.semantic.hashed_ngrams import DIMENSIONS, HashedNgrams

HASHED = HashedNgrams()
TEXTS = ["The cat sat.", "A dog ran far away from the cat and the old tree", "", "the CAT sat", "tree " * 60]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_every_text_is_a_direction(texts: list[str]) -> None:
    rows = HASHED.embed(texts)
    assert rows.shape == (len(texts), DIMENSIONS)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_row_depends_on_its_text_alone() -> None:
    alone = np.concatenate([HASHED.embed([text]) for text in TEXTS])
    np.testing.assert_array_equal(HASHED.embed(TEXTS), alone)
    np.testing.assert_array_equal(HashedNgrams().embed(TEXTS), alone)


def test_texts_that_share_words_are_near() -> None:
    rows = HASHED.embed(
        ["the red fox ran home", "a red fox ran home", "stock prices fell sharply", "", "  ...\n"]
    )
    near = rows @ rows.T
    assert near[0, 1] > 0.7 > 0.3 > abs(near[0, 2])
    assert near[3, 4] == pytest.approx(1)


def test_an_unknown_embedding_is_named_with_the_known_ones() -> None:
    with pytest.raises(Unmeasurable, match="there are: hashed-ngrams, minilm") as caught:
        find_embedder("other", {"minilm": "/nowhere"})
    assert caught.value.field == "embedding"


def test_without_torch_the_problem_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "services.metrics.semantic.sentence_model", raising=False)
    with pytest.raises(Unmeasurable, match=r"torch is not installed.*extra `embeddings`") as caught:
        find_embedder("minilm", {"minilm": "/nowhere"})
    assert caught.value.code == "missing_extra"


torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with random weights, saved as transformers saves it."""
    folder = tmp_path_factory.mktemp("bert")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "a",
        "cat",
        "dog",
        "sat",
        "ran",
        "far",
        "tree",
        ".",
    ]
    (folder / "vocab.txt").write_text("\n".join([*words, *("##" + w for w in words[5:])]))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=23,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=48,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def laid_out(model: Path, target: Path, pooling: dict[str, bool] | None, **limits: object) -> Path:
    """The model in the sentence-transformers layout."""
    target.mkdir()
    for file in model.iterdir():
        (target / file.name).symlink_to(file)
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    if pooling is not None:
        (target / "1_Pooling").mkdir()
        (target / "1_Pooling" / "config.json").write_text(
            json.dumps({"word_embedding_dimension": 16, **pooling})
        )
        modules.append(
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
        )
    (target / "modules.json").write_text(json.dumps(modules))
    (target / "sentence_bert_config.json").write_text(json.dumps(limits))
    return target


def states_of(model: Path, text: str, most: int = 48) -> Any:
    """The naive way: one text at a time, no padding."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    with torch.inference_mode():
        inputs = tokenizer(text, truncation=True, max_length=most, return_tensors="pt")
        return transformers.AutoModel.from_pretrained(model)(**inputs).last_hidden_state[0]


@pytest.mark.parametrize(
    ("mode", "pool"),
    [
        ("pooling_mode_mean_tokens", lambda s: s.mean(dim=0)),
        ("pooling_mode_cls_token", lambda s: s[0]),
        ("pooling_mode_max_tokens", lambda s: s.amax(dim=0)),
        ("pooling_mode_lasttoken", lambda s: s[-1]),
        ("pooling_mode_mean_sqrt_len_tokens", lambda s: s.sum(dim=0) / len(s) ** 0.5),
    ],
)
def test_batches_of_padded_texts_equal_one_text_at_a_time(
    model: Path, tmp_path: Path, mode: str, pool: Any
) -> None:
    folder = laid_out(model, tmp_path / "st", {mode: True}, max_seq_length=32)
    embedder = find_embedder("tiny", {"tiny": str(folder)})
    expected = np.stack([pool(states_of(model, text, 32)).numpy() for text in TEXTS])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.embed(TEXTS), expected, atol=1e-5)
    assert embedder.description["most_tokens"] == 32
    assert embedder.description["pooling"] == mode.removeprefix("pooling_mode_")


@pytest.mark.parametrize(
    ("named", "mode"),
    [("mean", "mean_tokens"), ("cls", "cls_token"), ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens")],
)
def test_newer_models_name_their_pooling(model: Path, tmp_path: Path, named: Any, mode: str) -> None:
    folder = laid_out(model, tmp_path / "st", {"pooling_mode": named})
    assert find_embedder("tiny", {"tiny": str(folder)}).description["pooling"] == mode


def test_a_plain_folder_is_pooled_by_the_mean(model: Path) -> None:
    embedder = find_embedder("tiny", {"tiny": str(model)})
    assert embedder.description["pooling"] == "mean_tokens"
    expected = states_of(model, TEXTS[0]).mean(dim=0).numpy()
    np.testing.assert_allclose(embedder.embed(TEXTS)[0], expected / np.linalg.norm(expected), atol=1e-5)
    assert embedder.embed([]).shape == (0, 16)


def test_half_precision_is_near(model: Path) -> None:
    models = {"tiny": str(model)}
    exact, half = (find_embedder("tiny", models, precision=p).embed(TEXTS) for p in ("float32", "bfloat16"))
    assert ((exact * half).sum(axis=1) > 0.999).all()


def test_a_module_that_is_not_implemented_is_refused(model: Path, tmp_path: Path) -> None:
    folder = laid_out(model, tmp_path / "st", None)
    (folder / "modules.json").write_text(
        json.dumps([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}])
    )
    with pytest.raises(Unmeasurable, match="Dense module"):
        find_embedder("tiny", {"tiny": str(folder)})


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unmeasurable, match="cannot be loaded"):
        find_embedder("tiny", {"tiny": str(tmp_path)})
