"""A measurement job: values with their estimators, pictures with their data, embeddings made once."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from services.metrics.operations.measure import Measuring
from services.metrics.operations.text_sets import embedders
from services.metrics.semantic.embedding import Embedder
from services.metrics.semantic.hashed_ngrams import HashedNgrams
from shared.contracts.datasets import DatasetKind
from shared.contracts.measurement import EmbeddingRequest, MeasurementRequest, Metric
from shared.errors import InvalidData, InvalidRequest
from shared.identity import artifact_id
from tests.unit.services.metrics import phrases

WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "far",
    "tree",
    "old",
    "red",
    "house",
    "king",
    "queen",
    "went",
    "home",
    "away",
]


def texts(count: int, seed: int, words: int = 12) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    return [{"text": " ".join(random.choice(WORDS[: 4 + seed * 3], words))} for _ in range(count)]


@pytest.fixture
def measuring() -> Measuring:
    return Measuring(embedders({}))


def test_a_measurement_beside_a_reference(bench: Any, measuring: Measuring) -> None:
    dataset, reference = bench.dataset(texts(60, 1)), bench.dataset(texts(80, 3))
    made = bench.run(measuring.measure, MeasurementRequest(dataset=dataset, reference=reference))
    summary = made.summary
    assert (summary["rows"], summary["tokens"]) == (60, 720)
    for name in ("distinct_5", "vendi", "js_unigram", "kl_embedding", "two_sample_auc", "duplicate_share"):
        assert isinstance(summary[name], float), name
    assert 0 < summary["distinct_2"] < summary["distinct_5"] <= 1
    whole = made.json("measurement.json")
    kl = next(value for value in whole["values"] if value["name"] == "kl_unigram")
    assert kl["estimator"]["direction"] == "real ‖ generated"
    assert kl["estimator"]["smoothing"] == 0.5
    assert {row["side"] for row in whole["details"]["telling_rows"]} <= {"dataset", "reference"}
    json.dumps(whole, allow_nan=False)
    assert pictures_of(made) == parts("lengths", "vocabulary_growth", "coverage", "map_pca")
    assert made.read("map_pca.png").startswith(b"\x89PNG")


def pictures_of(made: Any) -> set[str]:
    names = {part.name for part in made.manifest.parts}
    return {name for name in names if not name.endswith(".jsonl")} - {"measurement.json"}


def parts(*pictures: str) -> set[str]:
    return {f"{name}.{ending}" for name in pictures for ending in ("png", "csv", "json")}


def test_only_the_pictures_asked_for_are_drawn(bench: Any, measuring: Measuring) -> None:
    dataset = bench.dataset(texts(20, 1))
    asked = MeasurementRequest(dataset=dataset, metrics=[Metric.DISTINCT], pictures=["map_tsne"])
    assert pictures_of(bench.run(measuring.measure, asked)) == {
        f"map_tsne.{ending}" for ending in ("png", "csv", "json")
    }
    none = MeasurementRequest(dataset=dataset, metrics=[Metric.DISTINCT], pictures=False)
    assert pictures_of(bench.run(measuring.measure, none)) == set()


def test_the_same_dataset_as_reference_shows_no_shift(bench: Any, measuring: Measuring) -> None:
    dataset = bench.dataset(texts(60, 2))
    metrics = [
        Metric.UNIGRAM_SHIFT,
        Metric.LENGTH_SHIFT,
        Metric.EMBEDDING_SHIFT,
        Metric.MAUVE,
        Metric.TWO_SAMPLE,
        Metric.MMD,
    ]
    request = MeasurementRequest(dataset=dataset, reference=dataset, metrics=metrics, pictures=False)
    summary = bench.run(measuring.measure, request).summary
    for name in (
        "kl_unigram",
        "js_unigram",
        "kl_length",
        "wasserstein_length",
        "kl_embedding",
        "js_embedding",
    ):
        assert summary[name] == 0, name
    assert summary["mauve"] == pytest.approx(1)
    assert summary["two_sample_auc"] == pytest.approx(0.5, abs=0.05)
    assert summary["mmd"] <= 0


def test_one_row_has_the_measures_that_one_row_can_have(bench: Any, measuring: Measuring) -> None:
    dataset = bench.dataset([{"text": "just one text of words"}])
    made = bench.run(measuring.measure, MeasurementRequest(dataset=dataset))
    assert made.summary["distinct_1"] == 1
    assert made.summary["vendi"] == 1
    values = {value["name"]: value for value in made.json("measurement.json")["values"]}
    assert values["self_bleu"]["value"] is None
    assert "at least two" in values["self_bleu"]["note"]
    assert values["cosine_distance"]["value"] is None


def test_texts_without_words_are_measured_or_said_to_be_unmeasurable(
    bench: Any, measuring: Measuring
) -> None:
    dataset = bench.dataset([{"text": text} for text in ("", " ", "\n", "")])
    made = bench.run(
        measuring.measure,
        MeasurementRequest(
            dataset=dataset, reference=dataset, metrics=sorted(set(Metric) - {Metric.CONTAMINATION})
        ),
    )
    values = {value["name"]: value for value in made.json("measurement.json")["values"]}
    assert values["distinct_1"]["value"] is None
    assert values["distinct_1"]["note"]
    assert values["vendi"]["value"] == pytest.approx(1)
    assert values["duplicate_share"]["value"] == 0.25
    json.dumps(made.json("measurement.json"), allow_nan=False)


def test_distinct_n_of_qa_is_summed_over_contexts(bench: Any, measuring: Measuring) -> None:
    rows = [
        {"context_id": c, "question": "who ran far", "answer": f"the {c} ran"}
        for c in ("cat", "dog")
        for _ in range(2)
    ]
    contexts = {"cat": "…", "dog": "…"}
    dataset = bench.dataset(rows, DatasetKind.QA, contexts)
    request = MeasurementRequest(dataset=dataset, metrics=[Metric.DISTINCT], pictures=False)
    summary = bench.run(measuring.measure, request).summary
    assert summary["distinct_2"] == pytest.approx(2 * 5 / 10)
    assert summary["distinct_pooled_2"] == pytest.approx(7 / 20)


def test_what_is_drawn_for_qa_is_contexts(bench: Any, measuring: Measuring) -> None:
    names = [f"c{number}" for number in range(12)]
    rows = [
        {
            "context_id": name,
            "question": "who",
            "answer": " ".join(f"{name}{word % (1 + place % 4)}" for word in range(6)),
        }
        for place, name in enumerate(names)
        for _ in range(3)
    ]
    dataset = bench.dataset(rows, DatasetKind.QA, dict.fromkeys(names, "…"))
    request = MeasurementRequest(dataset=dataset, metrics=[Metric.DISTINCT], pictures=False)
    values = {v["name"]: v for v in bench.run(measuring.measure, request).json("measurement.json")["values"]}
    interval, value = values["distinct_1"]["interval"], values["distinct_1"]["value"]
    assert interval["method"] == "student_t"
    assert interval["low"] < value < interval["high"]
    assert (interval["low"] + interval["high"]) / 2 == pytest.approx(value)


def test_a_reference_of_another_kind_is_refused(bench: Any, measuring: Measuring) -> None:
    dataset = bench.dataset(texts(3, 1))
    reference = bench.dataset([{"context": "a", "completion": "b"}], DatasetKind.COMPLETION)
    with pytest.raises(InvalidRequest, match=phrases.KINDS_DIFFER) as raised:
        bench.run(measuring.measure, MeasurementRequest(dataset=dataset, reference=reference))
    assert raised.value.errors[0].pointer == "/reference"


@pytest.mark.parametrize(("field", "value"), [("embedding", "nowhere/model"), ("tokenizer", "nonsense")])
def test_an_unknown_name_is_refused_with_its_field(
    bench: Any, measuring: Measuring, field: str, value: str
) -> None:
    dataset = bench.dataset(texts(3, 1))
    with pytest.raises(InvalidRequest) as raised:
        bench.run(measuring.measure, MeasurementRequest(dataset=dataset, **{field: value}))
    assert raised.value.errors[0].pointer == f"/{field}"


def test_rejects_are_counted_by_reason(bench: Any, measuring: Measuring) -> None:
    from shared.contracts.datasets import DatasetSummary, IngestRequest

    def with_rejects(request: IngestRequest, workspace: Any) -> DatasetSummary:
        workspace.output.put_rows("rows.jsonl", [{"id": "a", "text": "kept"}])
        workspace.output.put_rows(
            "rejects.jsonl", [{"reason": "too_short"}, {"reason": "refusal"}, {"reason": "too_short"}]
        )
        return DatasetSummary(kind=DatasetKind.TEXT, rows=1)

    request = IngestRequest(kind=DatasetKind.TEXT, file=bench.upload(b"{}"))
    dataset = bench.run(with_rejects, request).id
    made = bench.run(
        measuring.measure, MeasurementRequest(dataset=dataset, metrics=[Metric.REJECTS], pictures=False)
    )
    assert made.summary["reject_share"] == 0.75
    assert made.json("measurement.json")["details"]["rejects"] == {"too_short": 2, "refusal": 1}


class Counting:
    """The built-in embedding, counting the texts it is given."""

    def __init__(self) -> None:
        self.inner = HashedNgrams()
        self.texts = 0
        self.description = self.inner.description

    def embed(self, texts: Any) -> Any:
        self.texts += len(texts)
        return self.inner.embed(texts)


def test_a_dataset_is_embedded_once(bench: Any) -> None:
    counting = Counting()

    def find(name: str, precision: str) -> Embedder:
        return counting

    measuring = Measuring(find)
    dataset, reference = bench.dataset(texts(30, 1)), bench.dataset(texts(20, 2))
    metrics = [Metric.VENDI, Metric.FRECHET, Metric.EMBEDDING_SHIFT]
    for smoothing in (0.5, 1.0):
        request = MeasurementRequest(
            dataset=dataset, reference=reference, metrics=metrics, smoothing=smoothing
        )
        bench.run(measuring.measure, request)
    assert counting.texts == 50
    job = EmbeddingRequest(dataset=dataset, rows=5000)
    assert bench.store.head(f"artifacts/{artifact_id(job)}/manifest.json") is not None
    made = bench.run(measuring.embed, job)
    assert made.summary["rows"] == 30
    assert made.summary["embedding"] == "hashed-ngrams"


def test_embeddings_that_are_not_numbers_stop_the_job(bench: Any) -> None:
    class Broken(Counting):
        def embed(self, texts: Any) -> Any:
            vectors = self.inner.embed(texts)
            vectors[1] = np.nan
            return vectors

    measuring = Measuring(lambda name, precision: Broken())
    dataset = bench.dataset(texts(10, 1))
    with pytest.raises(InvalidData, match=phrases.NAN_FOUND):
        bench.run(
            measuring.measure, MeasurementRequest(dataset=dataset, metrics=[Metric.VENDI], pictures=False)
        )


def test_an_empty_dataset_is_refused(bench: Any, measuring: Measuring) -> None:
    dataset, full = bench.dataset([]), bench.dataset(texts(3, 1))
    with pytest.raises(InvalidData, match=phrases.EMPTY):
        bench.run(measuring.measure, MeasurementRequest(dataset=dataset))
    with pytest.raises(InvalidData, match=phrases.EMPTY):
        bench.run(measuring.measure, MeasurementRequest(dataset=full, reference=dataset))


def test_n_longer_than_any_text_has_a_reason_and_no_value(bench: Any, measuring: Measuring) -> None:
    dataset = bench.dataset(texts(4, 1, words=6))
    metrics = [Metric.DISTINCT, Metric.ENTROPY, Metric.CONTAMINATION]
    request = MeasurementRequest(
        dataset=dataset, test=dataset, metrics=metrics, max_order=8, contamination_order=7, pictures=False
    )
    made = bench.run(measuring.measure, request)
    values = {value["name"]: value for value in made.json("measurement.json")["values"]}
    assert values["distinct_6"]["value"] is not None
    assert values["distinct_7"]["value"] is None
    assert values["distinct_7"]["note"] == "no text has 7 tokens, so there are no 7-grams"
    json.dumps(made.json("measurement.json"), allow_nan=False)
    assert "distinct_7" not in made.summary


@pytest.mark.parametrize(("convention", "scale"), [("nltk", 1), ("sacrebleu", 100)])
def test_self_bleu_has_both_conventions(
    bench: Any, measuring: Measuring, convention: Any, scale: int
) -> None:
    dataset = bench.dataset([{"text": "one and the same text"}] * 3)
    request = MeasurementRequest(
        dataset=dataset, metrics=[Metric.SELF_BLEU], self_bleu=convention, pictures=False
    )
    made = bench.run(measuring.measure, request)
    assert made.summary["self_bleu"] == pytest.approx(scale)
    assert convention in made.json("measurement.json")["values"][0]["estimator"]["convention"]


def test_shifts_have_intervals_that_hold_their_values(bench: Any, measuring: Measuring) -> None:
    dataset, reference = bench.dataset(texts(60, 1)), bench.dataset(texts(80, 3))
    metrics = [Metric.UNIGRAM_SHIFT, Metric.LENGTH_SHIFT, Metric.EMBEDDING_SHIFT]
    request = MeasurementRequest(dataset=dataset, reference=reference, metrics=metrics, pictures=False)
    values = bench.run(measuring.measure, request).json("measurement.json")["values"]
    for value in values:
        interval = value["interval"]
        assert interval["method"] == "jackknife", value["name"]
        assert 0 <= interval["low"] <= value["value"] <= interval["high"], value["name"]
    unsmoothed = MeasurementRequest(
        dataset=dataset, reference=dataset, metrics=metrics[1:3], smoothing=0, pictures=False
    )
    assert bench.run(measuring.measure, unsmoothed).summary["kl_embedding"] == 0


def test_richness_has_intervals_over_texts(bench: Any, measuring: Measuring) -> None:
    dataset = bench.dataset(texts(30, 3, words=60))
    request = MeasurementRequest(dataset=dataset, metrics=[Metric.HDD, Metric.MTLD], pictures=False)
    for value in bench.run(measuring.measure, request).json("measurement.json")["values"]:
        assert value["interval"]["low"] < value["value"] < value["interval"]["high"]
