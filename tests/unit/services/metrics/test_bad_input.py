"""Whatever texts come, each measure and picture has a value that is defined, or says why it has none.

Over HTTP, all measures at once: no input makes a server error, NaN in JSON, a null without its reason, or a
value outside its own interval.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.metrics.api import create_app
from services.metrics.settings import MetricsSettings
from shared.contracts.measurement import MeasureTextsRequest, Metric

USUAL = ["The fox ran far away. It was a very cold night.", "the cat sat by the tree", "the dog ran home"] * 3
TEXTS: dict[str, list[str]] = {
    "one": ["the fox ran far away"],
    "one empty": [""],
    "all empty": ["", "", " ", "\n"],
    "shorter than any n-gram": ["a", "b"],
    "all equal": ["x y"] * 7,
    "long line": ["a " * 400_000],
    "long line of different words": [" ".join(map(str, range(100_000))), "b"],
    "emoji": ["😀👩\u200d👩\u200d👧 😀", "👩\u200d👩\u200d👧", "🏳️\u200d🌈"] * 2,
    "combining marks": ["e\u0301\u0301 e", "\u0301", "ca\u0301"] * 3,
    "right to left": ["שלום עולם", "مرحبا بالعالم"] * 3,
    "NUL": ["a\x00b \x00", "\x00", "\x00\x00"] * 3,
    "invisible": ["\u200b\u200d", "\ufeff", "\u2028\u2029"] * 3,
    "last of Unicode": ["\U0010ffff a", "\ue000"] * 3,
}
EVERY = sorted(set(Metric) - {Metric.DEFAULT})
PICTURES = MeasureTextsRequest.model_fields["picture"].annotation.__args__[0].__args__  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(MetricsSettings()), raise_server_exceptions=False)


def values_of(client: TestClient, texts: list[str], reference: list[str]) -> list[dict[str, Any]]:
    orders = [0, 0.5, 1, 1 + 1e-12, 2, 1000, "inf"]
    body = {"texts": texts, "reference": reference, "test": USUAL, "metrics": EVERY, "max_order": 10}
    answer = client.post("/v1/measure", json={**body, "vendi_orders": orders, "permutations": 19})
    assert answer.status_code == 200, answer.text
    read = json.loads(answer.text, parse_constant=lambda constant: pytest.fail(f"{constant} in JSON"))
    values: list[dict[str, Any]] = read["measured"]["values"]
    return values


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("reference", ["usual", "itself"])
@pytest.mark.parametrize("kind", TEXTS)
def test_every_value_is_defined_or_says_why_not(client: TestClient, kind: str, reference: str) -> None:
    for value in values_of(client, TEXTS[kind], USUAL if reference == "usual" else TEXTS[kind]):
        name, number, interval = value["name"], value["value"], value["interval"]
        if number is None:
            assert value["note"], name
            assert "finite" not in value["note"], name
        elif interval is None:
            assert value["interval_note"], name
        else:
            assert interval["low"] <= number + 1e-12, name
            assert interval["high"] >= number - 1e-12, name


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("kind", TEXTS)
def test_every_picture_is_drawn_or_says_why_not(client: TestClient, kind: str, picture: str) -> None:
    body = {"texts": TEXTS[kind], "reference": USUAL, "picture": picture}
    answer = client.post("/v1/measure", json=body, headers={"accept": "image/png"})
    if answer.status_code == 200:
        assert answer.content.startswith(b"\x89PNG")
        return
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["code"] == "invalid_data", answer.text
    assert "hold no words" in problem["detail"] or "add rows" in problem["detail"], answer.text
    assert picture in ("vocabulary_growth", "coverage")


@pytest.mark.parametrize("kind", TEXTS)
def test_every_page_is_a_page(client: TestClient, kind: str) -> None:
    body = {"texts": TEXTS[kind], "metrics": ["lengths", "vendi", "heaps"]}
    answer = client.post("/v1/measure", json=body, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    assert "nan" not in answer.text.lower().split("<h2>values</h2>")[1]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        (b'{"texts": []}', None, "empty dataset"),
        (b'{"texts": ["a"], "reference": []}', None, "empty dataset"),
        (b'{"texts": ["\\ud800"]}', "/texts/0", "string"),
        (b'{"texts": ["a"], "test": ["\\udfff b"], "metrics": ["contamination"]}', "/test/0", "string"),
        (b'{"texts": ["a"], "contexts": ["\\ud83d"]}', "/contexts/0", "string"),
        (b'{"texts": [null]}', "/texts/0", "string"),
        (b'{"texts": [NaN]}', "/texts/0", "string"),
        (b'{"texts": ["a"], "smoothing": 1e999}', "/smoothing", "finite"),
        (b'{"texts": ["a"], "vendi_orders": [NaN]}', None, "finite number"),
        (b'{"texts": ["' + b"a" * 1_000_001 + b'"]}', "/texts/0", "1000000"),
    ],
)
def test_what_is_no_text_is_a_problem_that_names_it(
    client: TestClient, body: bytes, pointer: str | None, detail: str
) -> None:
    answer = client.post("/v1/measure", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.text
    if pointer is not None:
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], answer.text
