"""Every picture is a PNG with the numbers that it shows; the same numbers give the same bytes."""

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from services.metrics.pictures.bars import bars_with_intervals
from services.metrics.pictures.dose_response import DrawnDose, _range, dose_response
from services.metrics.pictures.growth import GrowthCurve, vocabulary_growth
from services.metrics.pictures.lengths import length_histograms
from services.metrics.pictures.maps import embedding_map
from services.metrics.pictures.picture import Picture, colours, shorten
from tests.unit.services.metrics.refusals import refused

RANDOM = np.random.default_rng(0)
LENGTHS = {"real": [4, 5, 5, 9, 300], "generated $5": [1, 2, 2, 3]}
EMBEDDINGS = {"real": RANDOM.normal(size=(30, 6)), "generated": RANDOM.normal(size=(20, 6)) + 2}
CURVES = {"real": GrowthCurve([10, 20, 40], [8, 12, 20], 1.5, 0.7), "one point": GrowthCurve([10], [3])}

PICTURES: dict[str, Callable[[], Picture]] = {
    "lengths": lambda: length_histograms(LENGTHS, reference="real"),
    "lengths, one dataset": lambda: length_histograms({"real": [1]}, reference="real"),
    "lengths, all empty": lambda: length_histograms({"empty": [0, 0]}),
    "pca": lambda: embedding_map(EMBEDDINGS, projection="pca", reference="real"),
    "tsne": lambda: embedding_map(EMBEDDINGS, projection="tsne", reference="real", rows=15),
    "pca, all equal": lambda: embedding_map({"equal": np.ones((9, 3))}, projection="pca"),
    "growth": lambda: vocabulary_growth(CURVES, reference="real"),
    "bars": lambda: bars_with_intervals({"a": 0.2, "b": -0.1}, {"a": (0.1, 0.3)}, measure="Distinct-2"),
    "doses": lambda: dose_response(
        [
            DrawnDose("1", 0.1, 3.0, (2.9, 3.1)),
            DrawnDose("20", 0.3, 2.5),
            DrawnDose("1", 0.1, 4.0, series="8B"),
        ],
        baselines={"real": 2.0},
    ),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES.keys())
def test_a_picture_is_a_repeatable_png_with_its_data(draw: Callable[[], Picture]) -> None:
    picture, again = draw(), draw()
    image = Image.open(io.BytesIO(picture.png))
    assert image.format == "PNG"
    assert image.width >= 400
    assert picture.png == again.png
    assert len(picture.csv().splitlines()) == len(picture.data) + 1 > 1
    json.dumps(picture.data, allow_nan=False)
    assert picture.alt


def test_a_histogram_counts_every_text() -> None:
    data = length_histograms(LENGTHS).data
    for name, values in LENGTHS.items():
        assert sum(row["count"] for row in data if row["dataset"] == name) == len(values)  # type: ignore[misc]


def test_a_map_names_the_rows_it_shows() -> None:
    data = embedding_map(EMBEDDINGS, projection="pca", rows=10, seed=3).data
    shown = {name: [row["row"] for row in data if row["dataset"] == name] for name in EMBEDDINGS}
    assert {name: len(set(rows)) for name, rows in shown.items()} == {"real": 10, "generated": 10}


def test_maps_of_different_embeddings_are_refused() -> None:
    with refused("dimension_mismatch"):
        embedding_map({"a": np.ones((5, 2)), "b": np.ones((5, 3))}, projection="pca")
    with refused("too_few_rows"):
        embedding_map({"a": np.ones((4, 2))}, projection="pca")


def test_empty_datasets_have_no_histogram() -> None:
    with refused("empty_dataset"):
        length_histograms({"nothing": []})


def test_a_far_level_line_is_told_and_does_not_press_the_doses_together() -> None:
    doses = [DrawnDose("D1", 0.3, 5.4), DrawnDose("D2", 0.5, 4.8)]
    assert _range(doses, {"real": 4.4, "untuned": 9.6}) == pytest.approx((2.4, 7.4))
    assert _range(doses, {"real": 1.0}) == pytest.approx((-7.8, 14.2))  # the first is always drawn
    near = dose_response(doses, baselines={"real": 4.4})
    far = dose_response(doses, baselines={"real": 4.4, "untuned": 9.6})
    assert near.png != far.png
    assert [row["loss"] for row in far.data][-1] == 9.6


def test_doses_and_baselines_are_in_the_data() -> None:
    data = PICTURES["doses"]().data
    assert data[0] == {"series": "", "name": "1", "diversity": 0.1, "loss": 3.0, "low": 2.9, "high": 3.1}
    assert data[-1]["name"] == "real"


def test_the_reference_is_grey_and_others_differ() -> None:
    for count in (3, 12):
        names = [str(number) for number in range(count)]
        assigned = colours(names, reference="0")
        assert assigned["0"] == "#4d4d4d"
        assert len({str(shade) for shade in assigned.values()}) == count


def test_long_names_are_shortened_in_the_middle() -> None:
    assert len(shorten("x" * 100, 20)) <= 20
    assert shorten("$5") == r"\$5"
