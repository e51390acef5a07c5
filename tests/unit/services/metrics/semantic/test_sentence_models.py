"""Models in the sentence-transformers layout give the vectors that its formulas give, one text at a time.

The models are real, tiny and untrained, made here: batches, padding and sorting must change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.embedding import Embedder, find_embedder
from tests.unit.services.metrics.refusals import refused

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
safetensors = pytest.importorskip("safetensors.torch")

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "bos": 2, "sep": 3, "eos": 3}
WORDS = [
    "<pad>",
    "<unk>",
    "<s>",
    "</s>",
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "far",
    "tree",
    "query",
    ".",
    ":",
]
TEXTS = [
    "the cat sat .",
    "a dog ran far far tree",
    "",
    "the THE cat",
    "tree " * 80,
    "dog",
    "cat sat the " * 3,
]
SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
WIDTH, POSITIONS = 16, 48
ENCODES = {"t5": "T5EncoderModel"}


def save_tokenizer(folder: Path, side: str = "right", **more: Any) -> Any:
    """Whole words between `<s>` and `</s>`."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    names = {f"{name}_token": WORDS[number] for name, number in SPECIAL.items()}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, padding_side=side, **names, **more)
    fast.save_pretrained(folder)
    return fast


def save_model(folder: Path, architecture: str = "bert", side: str = "right", **more: Any) -> Path:
    """A transformer with random weights and its tokenizer, as transformers saves them."""
    save_tokenizer(folder, side, **more)
    size = {"vocab_size": len(WORDS), "hidden_size": WIDTH, "max_position_embeddings": POSITIONS, **SMALL}
    size |= {f"{name}_token_id": number for name, number in SPECIAL.items() if name != "unk"}
    if architecture == "xlm-roberta":  # positions begin behind the padding's
        size["max_position_embeddings"] += 1
    if architecture == "mpnet":  # its padding's is 1, whatever the tokenizer's is
        size["max_position_embeddings"] += 2
    if architecture == "t5":
        size = {
            "vocab_size": len(WORDS),
            "d_model": WIDTH,
            "d_kv": 8,
            "d_ff": 32,
            "num_layers": 2,
            "num_heads": 2,
        }
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(architecture, **size)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return folder


def lay_out(folder: Path, *modules: tuple[str, dict[str, Any], dict[str, Any]], **limits: object) -> Path:
    """The folder in the sentence-transformers layout, with these modules (kind, config, weights) behind its
    transformer."""
    listed = [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}]
    for place, (kind, config, weights) in enumerate(modules, start=1):
        path = folder / f"{place}_{kind}"
        path.mkdir()
        (path / "config.json").write_text(json.dumps(config))
        if weights:
            safetensors.save_file(weights, path / "model.safetensors")
        listed.append({"idx": place, "path": path.name, "type": f"sentence_transformers.models.{kind}"})
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(json.dumps(limits))
    return folder


def pooled_by(mode: str, **more: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "Pooling", {"word_embedding_dimension": WIDTH, mode: True, **more}, {}


def found(folder: Path) -> Embedder:
    return find_embedder("tiny", {"tiny": str(folder)})


def expected(folder: Path, pool: Callable[[Any], Any], most: int = POSITIONS, prompt: str = "") -> Any:
    """Each text alone and unpadded: its tokens' states (tokens × width) pooled, at length 1."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    kind = transformers.AutoConfig.from_pretrained(folder).model_type
    model = getattr(transformers, ENCODES.get(kind, ""), transformers.AutoModel).from_pretrained(folder)
    rows = []
    with torch.inference_mode():
        for text in TEXTS:
            inputs = tokenizer(prompt + text, truncation=True, max_length=most, return_tensors="pt")
            rows.append(np.asarray(pool(model(**inputs).last_hidden_state[0])))
    return np.stack(rows) / np.linalg.norm(rows, axis=1, keepdims=True)


def mean(states: Any) -> Any:
    return states.mean(dim=0)


POOLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "mean": ("pooling_mode_mean_tokens", mean),
    "cls": ("pooling_mode_cls_token", lambda s: s[0]),
    "max": ("pooling_mode_max_tokens", lambda s: s.amax(dim=0)),
    "mean_sqrt_len_tokens": ("pooling_mode_mean_sqrt_len_tokens", lambda s: s.sum(dim=0) / len(s) ** 0.5),
    "weightedmean": (
        "pooling_mode_weightedmean_tokens",
        lambda s: (s * torch.arange(1, len(s) + 1)[:, None]).sum(dim=0) / (len(s) * (len(s) + 1) / 2),
    ),
    "lasttoken": ("pooling_mode_lasttoken", lambda s: s[-1]),
}


@pytest.mark.parametrize(("architecture", "side"), [("bert", "right"), ("llama", "left"), ("llama", "right")])
@pytest.mark.parametrize("mode", POOLS)
def test_every_pooling_mode_under_any_padding(
    tmp_path: Path, architecture: str, side: str, mode: str
) -> None:
    switch, pool = POOLS[mode]
    folder = lay_out(save_model(tmp_path, architecture, side), pooled_by(switch), max_seq_length=32)
    np.testing.assert_allclose(
        (embedder := found(folder)).embed(TEXTS), expected(folder, pool, 32), atol=1e-5
    )
    assert embedder.description["most_tokens"] == 32
    assert embedder.description["pooling"] == mode


@pytest.mark.parametrize(
    "architecture", ["bert", "mpnet", "xlm-roberta", "distilbert", "electra", "modernbert", "t5"]
)
def test_every_architecture_that_transformers_has(tmp_path: Path, architecture: str) -> None:
    """Where nothing says how long a text may be, it is as long as the model has positions."""
    limit = {"model_max_length": POSITIONS} if architecture == "t5" else {}
    folder = lay_out(save_model(tmp_path, architecture, **limit), pooled_by("pooling_mode_mean_tokens"))
    np.testing.assert_allclose(found(folder).embed(TEXTS), expected(folder, mean), atol=1e-5)
    assert found(folder).description["most_tokens"] == POSITIONS


@pytest.mark.parametrize("named", ["cls", ["cls"], ["cls", "mean"]])
def test_newer_models_name_their_pooling(tmp_path: Path, named: Any) -> None:
    folder = lay_out(save_model(tmp_path), ("Pooling", {"pooling_mode": named}, {}))
    modes = [named] if isinstance(named, str) else named
    rows = expected(folder, lambda s: torch.cat([POOLS[mode][1](s) for mode in modes]))
    np.testing.assert_allclose(found(folder).embed(TEXTS), rows, atol=1e-5)
    assert found(folder).description["pooling"] == "+".join(modes)


def test_a_plain_folder_is_pooled_by_the_mean(tmp_path: Path) -> None:
    folder = save_model(tmp_path)
    np.testing.assert_allclose(found(folder).embed(TEXTS), expected(folder, mean), atol=1e-5)
    assert found(folder).embed([]).shape == (0, WIDTH)


def test_what_comes_behind_the_pooling_is_applied_in_order(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(1)
    w, b, v, scale, shift = (
        torch.randn(*shape, generator=random) for shape in ((8, WIDTH), (8,), (12, 8), (12,), (12,))
    )
    sizes = {"in_features": WIDTH, "out_features": 8}
    identity = "torch.nn.modules.linear.Identity"
    folder = lay_out(
        save_model(tmp_path),
        pooled_by("pooling_mode_mean_tokens"),
        ("Normalize", {}, {}),
        ("Dense", sizes, {"linear.weight": w, "linear.bias": b}),
        (
            "Dense",
            {"in_features": 8, "out_features": 12, "bias": False, "activation_function": identity},
            {"linear.weight": v},
        ),
        ("Dropout", {"dropout": 0.5}, {}),
        ("LayerNorm", {"dimension": 12}, {"norm.weight": scale, "norm.bias": shift}),
        ("Normalize", {}, {}),
    )

    def later(states: Any) -> Any:
        row = mean(states)
        row = v @ torch.tanh(w @ (row / row.norm()) + b)
        return (row - row.mean()) / (row.var(unbiased=False) + 1e-5).sqrt() * scale + shift

    np.testing.assert_allclose(found(folder).embed(TEXTS), expected(folder, later), atol=1e-5)
    assert found(folder).description["dimensions"] == 12


@pytest.mark.parametrize("pooled", [True, False])
def test_a_default_prompt_stands_before_each_text(tmp_path: Path, pooled: bool) -> None:
    folder = lay_out(save_model(tmp_path), pooled_by("pooling_mode_mean_tokens", include_prompt=pooled))
    prompts = {"prompts": {"search": "query : "}, "default_prompt_name": "search"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    behind = 0 if pooled else 3  # <s> query :
    rows = expected(folder, lambda states: mean(states[behind:]), prompt="query : ")
    np.testing.assert_allclose(found(folder).embed(TEXTS), rows, atol=1e-5)
    assert found(folder).description["prompt"] == "query : "


def test_texts_are_lower_cased_where_the_model_says_so(tmp_path: Path) -> None:
    folder = lay_out(save_model(tmp_path), pooled_by("pooling_mode_mean_tokens"), do_lower_case=True)
    rows = found(folder).embed(["THE Cat", "the cat"])
    np.testing.assert_array_equal(rows[0], rows[1])


def test_a_transformer_in_a_folder_of_its_own_has_its_limits_there(tmp_path: Path) -> None:
    inner = tmp_path / "0_BERT"
    inner.mkdir()
    save_model(inner)
    (inner / "sentence_distilbert_config.json").write_text(json.dumps({"max_seq_length": 7}))
    modules = [{"idx": 0, "path": "0_BERT", "type": "sentence_transformers.models.BERT.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    np.testing.assert_allclose(found(tmp_path).embed(TEXTS), expected(inner, mean, 7), atol=1e-5)


@pytest.mark.parametrize("name", ["embedding.weight", "embeddings"])
def test_static_embeddings_are_the_mean_of_a_tables_rows(tmp_path: Path, name: str) -> None:
    save_tokenizer(tmp_path)
    table = torch.randn(len(WORDS), 24, generator=torch.Generator().manual_seed(2))
    safetensors.save_file({name: table}, tmp_path / "model.safetensors")
    modules = [{"path": "", "type": "sentence_transformers.models.StaticEmbedding"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    rows = torch.stack(
        [table[[WORDS.index("the"), WORDS.index("cat")]].mean(dim=0), table[WORDS.index("dog")]]
    )
    np.testing.assert_allclose(
        found(tmp_path).embed(["the cat", "dog"]), rows / rows.norm(dim=1, keepdim=True), atol=1e-6
    )
    assert found(tmp_path).description["dimensions"] == 24
    with pytest.raises(Unmeasurable, match=r"1 of 2 rows \(1\).*zeros"):
        found(tmp_path).embed(["cat", ""])


def test_half_precision_is_near(tmp_path: Path) -> None:
    models = {"tiny": str(save_model(tmp_path))}
    exact, half = (find_embedder("tiny", models, precision=p).embed(TEXTS) for p in ("float32", "bfloat16"))
    assert ((exact * half).sum(axis=1) > 0.999).all()


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (("LSTM", {}, {}), "LSTM module, which is not implemented"),
        (("Dense", {"in_features": 16, "out_features": 4}, {}), "no weights"),
        (("Dense", {"activation_function": "os.system"}, {}), "options that are not implemented"),
        (("Dense", {"use_residual": True}, {}), "options that are not implemented"),
        (
            ("Dense", {"in_features": 3, "out_features": 4}, {"linear.weight": torch.zeros(4, WIDTH)}),
            "cannot be loaded",
        ),
    ],
)
def test_a_module_that_cannot_be_computed_is_refused(tmp_path: Path, module: Any, why: str) -> None:
    folder = lay_out(save_model(tmp_path), pooled_by("pooling_mode_mean_tokens"), module)
    with pytest.raises(Unmeasurable, match=why) as caught:
        found(folder)
    assert caught.value.field == "embedding"


def test_an_unknown_pooling_mode_is_refused(tmp_path: Path) -> None:
    folder = lay_out(save_model(tmp_path), ("Pooling", {"pooling_mode": "attention"}, {}))
    with refused("unknown_pooling"):
        found(folder)


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with refused("unloadable_embedding"):
        found(tmp_path)
