"""Every measure, option and picture that is promised, asked for over HTTP, by the names it comes back by."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from services.metrics.api import create_app
from services.metrics.settings import MetricsSettings
from shared.contracts.measurement import Metric

INTERVAL_FREE = {
    "mmd_p_value", "reject_share", "length_p05", "length_p95", "sentence_diversity_pooled",
    "embedding_duplicate_false_rate",
}  # fmt: skip
"""Values that have no interval here, each with the reason beside it."""


def texts(seed: int, count: int = 48) -> list[str]:
    """Texts of 5 to 70 words of a small vocabulary, in lines of 20, so that every measure is defined and no
    two are equal."""
    random = np.random.default_rng(seed)
    words = [f"word{number}" for number in range(40)]
    lengths = random.integers(5, 70, count)
    drawn = [random.choice(words[: 20 + seed * 10], length) for length in lengths]
    return ["\n".join(" ".join(line) for line in np.split(text, range(20, len(text), 20))) for text in drawn]


GENERATED, REAL = texts(1), texts(2)
HELD = [GENERATED[0], "quite another text that holds eight words or more"]

NAMED: dict[str, list[str]] = {
    "distinct": [f"distinct_{n}" for n in range(1, 6)],
    "ead": ["ead"],
    "ngram_diversity": ["ngram_diversity"],
    "entropy": ["entropy_1", "entropy_2", "entropy_3"],
    "self_bleu": ["self_bleu"],
    "sentence_diversity": ["sentence_diversity_within", "sentence_diversity_pooled"],
    "compression_ratio": ["compression_ratio"],
    "self_repetition": ["self_repetition", "self_repetition_package"],
    "vocabulary": ["vocabulary", "type_token_ratio", "hapax_share", "yule_k"],
    "heaps": ["heaps_k", "heaps_beta"],
    "lengths": ["length_mean", "length_sd", "length_p05", "length_median", "length_p95", "characters_mean"],
    "hdd": ["hdd"],
    "mtld": ["mtld"],
    "vendi": ["vendi", "vendi_2"],
    "dcscore": ["dcscore"],
    "cosine_distance": ["cosine_distance"],
    "remote_clique": ["remote_clique"],
    "chamfer": ["chamfer"],
    "clusters": ["cluster_entropy", "cluster_evenness", "clusters_effective", "clusters_occupied"],
    "unigram_shift": ["kl_unigram", "js_unigram"],
    "bigram_shift": ["js_bigram"],
    "length_shift": ["kl_length", "kl_reverse_length", "js_length", "wasserstein_length"],
    "embedding_shift": ["kl_embedding", "kl_reverse_embedding", "js_embedding"],
    "mmd": ["mmd", "mmd_p_value"],
    "frechet": ["frechet"],
    "mauve": ["mauve"],
    "coverage": ["coverage", "density", "knn_precision", "knn_recall"],
    "two_sample": ["two_sample_auc"],
    "duplicates": ["duplicate_share"],
    "near_duplicates": ["near_duplicate_share"],
    "embedding_duplicates": ["embedding_duplicate_share", "embedding_duplicate_false_rate"],
    "echo": ["echo_share"],
    "contamination": ["contamination_share", "contaminated_test_share"],
    "rejects": ["reject_share"],
}


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(MetricsSettings()))


def measured(client: TestClient, **options: Any) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Values by name, and the details."""
    body = {"texts": GENERATED, "reference": REAL, **options}
    answer = client.post("/v1/measure", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()["measured"]
    return {value["name"]: value for value in found["values"]}, found["details"]


def test_there_is_no_measure_without_a_promise() -> None:
    assert NAMED.keys() == set(Metric) - {Metric.DEFAULT}


@pytest.fixture(scope="module")
def every(client: TestClient) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    prompts = [f"Write on with this: {text[:60]}" for text in GENERATED]
    return measured(client, metrics=list(NAMED), test=HELD, prompts=prompts)


def test_every_value_has_its_estimator_and_its_interval(every: Any) -> None:
    values, _ = every
    assert list(values) == [name for names in NAMED.values() for name in names]
    for name, value in values.items():
        assert isinstance(value["value"], float | int), name
        assert value["estimator"], name
        if name in INTERVAL_FREE:
            assert value["interval_note"], name
            continue
        interval = value["interval"]
        assert interval is not None, (name, value["interval_note"])
        assert interval["low"] <= value["value"] + 1e-9, name
        assert interval["high"] >= value["value"] - 1e-9, name
        assert interval["level"] == 0.95, name
        assert interval["method"], name
        if interval["method"] in ("jackknife", "delete-a-group jackknife"):
            assert interval["replicates"] >= 4, name
            # Heaps' groups are by a hash of the texts: nothing is drawn.
            assert interval["seed"] == (None if name.startswith("heaps") else 42), name


def test_lists_stand_in_the_details(every: Any) -> None:
    _, details = every
    assert len(details["vocabulary_growth"]) > 5
    assert sum(details["lengths"]["texts"]) == 48
    assert sum(details["cluster_counts"]) == 48
    assert len(details["cluster_share_intervals"]) == len(details["cluster_counts"])
    assert sum(details["embedding_shift"]["reference_counts"]) == 48
    assert details["telling_rows"][0]["text"] in {text[:300] for text in GENERATED + REAL}
    assert details["contaminated"][0]["row"] == 0
    assert details["rejects"] == {}
    assert details["uncovered"][0]["text"] in {text[:300] for text in REAL}
    assert details["uncovered"][0]["nearest_text"] in {text[:300] for text in GENERATED}
    assert details["echoes"][0]["repeats"] in " ".join(details["echoes"][0]["text"].split())


@pytest.mark.parametrize(
    ("metric", "name", "option", "told"),
    [
        ("distinct", "distinct_7", {"max_order": 7}, {"n": 7}),
        ("distinct", "distinct_1", {"tokenizer": "whitespace"}, {"tokenizer": "whitespace"}),
        ("self_bleu", "self_bleu", {"self_bleu": "sacrebleu"}, {}),
        ("vendi", "vendi_0_5", {"vendi_orders": [0.5]}, {"order": "0.5"}),
        ("vendi", "vendi_inf", {"vendi_orders": ["inf"]}, {"order": "inf"}),
        ("dcscore", "dcscore", {"dcscore_temperature": 0.1}, {"temperature": 0.1}),
        ("clusters", "cluster_entropy", {"clusters": 3}, {"clusters": 3, "seed": 42}),
        ("clusters", "cluster_entropy", {"semantic_rows": 20}, {"rows": 20, "sample_seed": 42}),
        ("embedding_shift", "kl_embedding", {"codebook_fitted_on": "reference"}, {"seed": 42}),
        (
            "unigram_shift",
            "kl_unigram",
            {"smoothing": 2.0},
            {"smoothing": 2.0, "direction": "real ‖ generated"},
        ),
        ("mmd", "mmd_p_value", {"permutations": 99}, {"permutations": 99, "seed": 42}),
        ("mauve", "mauve", {"seed": 7}, {"seed": 7}),
        ("coverage", "coverage", {"neighbours": 3}, {"k": 3, "reference_rows": 48}),
        ("embedding_duplicates", "embedding_duplicate_share", {"embedding_duplicate_similarity": 0.5}, {}),
        ("near_duplicates", "near_duplicate_share", {"shingle": 2, "near_duplicate_similarity": 0.5}, {}),
    ],
)
def test_options_are_taken_and_told(
    client: TestClient, metric: str, name: str, option: dict[str, Any], told: dict[str, Any]
) -> None:
    values, _ = measured(client, metrics=[metric], **option)
    for key, value in told.items():
        assert values[name]["estimator"][key] == value


def test_levels_are_those_asked_for(client: TestClient) -> None:
    wide, _ = measured(client, metrics=["self_bleu", "vendi", "two_sample", "frechet"], level=0.99)
    narrow, _ = measured(client, metrics=["self_bleu", "vendi", "two_sample", "frechet"], level=0.5)
    for name, value in wide.items():
        other = narrow[name]["interval"]
        assert (value["interval"]["level"], other["level"]) == (0.99, 0.5)
        assert value["interval"]["low"] < other["low"] < other["high"] < value["interval"]["high"] or (
            value["interval"]["high"] == 1
        )


def test_distinct_is_summed_over_contexts(client: TestClient) -> None:
    body = {
        "texts": ["a a", "a b", "c"],
        "contexts": ["one", "one", "two"],
        "metrics": ["distinct"],
        "max_order": 1,
    }
    values, _ = measured(client, **body)
    assert values["distinct_1"]["value"] == 2 / 4 + 1
    assert values["distinct_pooled_1"]["value"] == 3 / 5
    assert values["distinct_1"]["estimator"]["contexts"] == 2


def test_contexts_are_one_a_text(client: TestClient) -> None:
    answer = client.post("/v1/measure", json={"texts": ["a", "b"], "contexts": ["one"]})
    assert answer.status_code == 422
    assert "1 contexts of 2 texts" in answer.text


def test_prompts_are_one_a_text(client: TestClient) -> None:
    answer = client.post("/v1/measure", json={"texts": ["a", "b"], "prompts": ["one"]})
    assert answer.status_code == 422


def test_texts_that_repeat_their_prompt_are_counted_by_its_words(client: TestClient) -> None:
    body = {
        "texts": ["a b c d e f", "a b c d e f"],
        "prompts": ["go on: A b, c d e.", "x"],
        "metrics": ["echo"],
    }
    values, details = measured(client, **body, echo_words=5)
    assert values["echo_share"]["value"] == 1 / 2
    assert details["echoes"] == [
        {"row": 0, "share": 0.5, "copies_example": False, "repeats": "a b c d e", "text": "a b c d e f"}
    ]
    assert measured(client, **body, echo_words=6)[0]["echo_share"]["value"] == 0


def test_without_prompts_there_are_no_echoes(client: TestClient) -> None:
    values, _ = measured(client, metrics=["echo"])
    assert values["echo"]["value"] is None
    assert values["echo"]["note"]
    assert "echo_share" not in measured(client)[0]


def test_test_texts_are_found(client: TestClient) -> None:
    values, details = measured(client, metrics=["contamination"], test=HELD)
    assert values["contamination_share"]["value"] == 1 / 48
    assert values["contaminated_test_share"]["value"] == 1 / 2
    assert details["contaminated"][0]["test_row"] == 0


@pytest.mark.parametrize("picture", ["lengths", "vocabulary_growth", "map_pca", "map_tsne"])
def test_pictures_come_with_their_data(client: TestClient, picture: str) -> None:
    body = {"texts": GENERATED, "reference": REAL, "metrics": ["lengths"], "picture": picture}
    drawn = client.post("/v1/measure", json=body).json()["picture"]
    assert drawn["name"].startswith(picture)
    assert base64.b64decode(drawn["png_base64"]).startswith(b"\x89PNG")
    assert {row["dataset"] for row in drawn["data"]} == {"dataset", "reference"}
    assert json.dumps(drawn["data"], allow_nan=False)
    assert drawn["alt"]


def test_the_picture_of_coverage_has_a_point_a_real_row(client: TestClient) -> None:
    body = {"texts": GENERATED, "reference": REAL, "metrics": ["coverage"], "picture": "coverage"}
    answer = client.post("/v1/measure", json=body).json()
    drawn = answer["picture"]
    value = next(found for found in answer["measured"]["values"] if found["name"] == "coverage")
    assert base64.b64decode(drawn["png_base64"]).startswith(b"\x89PNG")
    assert [row["row"] for row in drawn["data"]] == list(range(48))
    assert sum(row["covered"] for row in drawn["data"]) == round(48 * value["value"])
