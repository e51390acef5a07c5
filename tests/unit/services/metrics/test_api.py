"""The synchronous measure: two lists of texts in one call, values and a picture back."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from services.metrics.api import create_app
from services.metrics.measuring.pictures import QUICK
from services.metrics.settings import MetricsSettings
from shared.contracts.measurement import MEASURES_VERSION

ROOT = Path(__file__).parents[4]
TEXTS = [
    f"the {animal} {verb} far away from the {place}"
    for animal in ("cat", "dog", "fox")
    for verb in ("ran", "sat")
    for place in ("tree", "house")
]
OTHERS = [text.replace("far", "very very near").replace("the", "one") for text in TEXTS]


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(MetricsSettings(max_measure_bytes=2**16)), raise_server_exceptions=False)


MEASURING = {"numpy", "scipy", "numba", "sklearn", "pandas", "matplotlib", "pyarrow", "openTSNE", "jinja2"}


def test_a_process_that_only_estimates_imports_nothing_that_measures() -> None:
    """Under 120 MB; what measures is imported when a first measurement asks for it. The kernel is asked for
    the peak of this program alone: `getrusage` counts what the tests' process had before it."""
    program = """
import json, sys
from fastapi.testclient import TestClient
from services.metrics.api import create_app

client = TestClient(create_app())
assert client.get("/health").status_code == 200
dataset = "dataset-" + "0" * 32
coming = {dataset: {"rows": 9, "bytes": 99}}
asked = {"operation": "measure", "request": {"dataset": dataset}, "coming": coming}
assert client.post("/v1/estimate", json=asked).status_code == 200
before = sorted(sys.modules)
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
assert client.post("/v1/measure", json={"texts": ["a b", "c d"], "metrics": ["distinct"]}).status_code == 200
print(json.dumps({"before": before, "peak": int(peak) / 1024, "after": sorted(sys.modules)}))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert not MEASURING & set(found["before"])
    assert found["peak"] < 120
    assert "numba" in found["after"]


def test_the_process_is_light() -> None:
    """torch and transformers belong to the optional embeddings; neither API nor worker takes them in."""
    program = (
        "import sys; import services.metrics.api, services.metrics.operations.handlers; "
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert found.stdout.strip() == "[]"


def test_a_prepared_process_compiles_nothing_more() -> None:
    program = """
import gc, json, sys
from fastapi.testclient import TestClient
from numba.core.dispatcher import Dispatcher
from services.metrics.api import create_app
from services.metrics.settings import MetricsSettings

def compiled():
    kernels = [kernel for kernel in gc.get_objects() if isinstance(kernel, Dispatcher) and kernel.signatures]
    return {kernel.py_func.__qualname__ for kernel in kernels if "services" in kernel.py_func.__module__}

client = TestClient(create_app(MetricsSettings(prepared=True)))
before = compiled()
assert client.post("/v1/measure", json=json.loads(sys.argv[1])).status_code == 200
print(len(before), sorted(compiled() - before))
"""
    body = json.dumps({"texts": OTHERS, "reference": TEXTS, "metrics": ["default"]})
    ran = subprocess.run(
        [sys.executable, "-c", program, body], capture_output=True, text=True, check=True, cwd=ROOT
    )
    count, _, more = ran.stdout.strip().partition(" ")
    assert int(count) > 10
    assert more == "[]"


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").status_code == 200


def test_two_lists_are_measured_against_each_other_with_a_picture(client: TestClient) -> None:
    body = {"texts": OTHERS, "reference": TEXTS, "picture": "lengths"}
    answer = client.post("/v1/measure", json=body)
    assert answer.status_code == 200
    values = {value["name"]: value["value"] for value in answer.json()["measured"]["values"]}
    assert values["wasserstein_length"] == pytest.approx(2)
    assert values["js_unigram"] > 0
    assert answer.json()["measured"]["version"] == MEASURES_VERSION
    assert 0 < values["distinct_2"] <= 1
    picture = answer.json()["picture"]
    assert base64.b64decode(picture["png_base64"]).startswith(b"\x89PNG")
    assert {row["dataset"] for row in picture["data"]} == {"dataset", "reference"}


def test_the_same_call_gives_the_same_answer(client: TestClient) -> None:
    body = {"texts": OTHERS, "reference": TEXTS, "metrics": ["vendi", "mmd", "two_sample", "embedding_shift"]}
    assert client.post("/v1/measure", json=body).content == client.post("/v1/measure", json=body).content


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"texts": []}, 422, None),
        ({"texts": TEXTS, "reference": []}, 422, None),
        ({"texts": TEXTS, "metrics": []}, 422, "/metrics"),
        ({"texts": TEXTS, "metrics": ["mauve"]}, 422, ""),
        ({"texts": TEXTS, "metrics": ["contamination"]}, 422, ""),
        ({"texts": TEXTS, "metrics": ["nonsense"]}, 422, "/metrics/0"),
        ({"texts": TEXTS, "embedding": "nowhere"}, 422, "/embedding"),
        ({"texts": TEXTS, "tokenizer": "nonsense"}, 422, "/tokenizer"),
        ({"texts": TEXTS, "seed": -1}, 422, "/seed"),
        ({"texts": TEXTS, "typo": 1}, 422, "/typo"),
        ({"texts": [1, 2]}, 422, "/texts/0"),
        ({"texts": ["word " * 20_000]}, 413, None),
    ],
)
def test_bad_bodies_are_told_what_is_wrong(
    client: TestClient, body: Any, status: int, pointer: str | None
) -> None:
    answer = client.post("/v1/measure", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if pointer is not None:
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def lines(texts: list[str], column: str = "text") -> bytes:
    return "".join(json.dumps({column: text}) + "\n" for text in texts).encode()


def files(client: TestClient, parts: dict[str, Any], accept: str = "*/*", **options: Any) -> Response:
    return client.post(
        "/v1/measure/files",
        files=parts,
        data={"options": json.dumps(options)} if options else {},
        headers={"accept": accept},
    )


def test_two_files_give_what_their_texts_give(client: TestClient) -> None:
    body = {
        "texts": OTHERS,
        "reference": TEXTS,
        "metrics": ["distinct", "unigram_shift"],
        "picture": "lengths",
    }
    expected = client.post("/v1/measure", json=body)
    uploads = {"texts": ("made.jsonl", lines(OTHERS)), "reference": ("real.jsonl", lines(TEXTS))}
    found = files(client, uploads, metrics=["distinct", "unigram_shift"], picture="lengths")
    assert found.status_code == 200, found.text
    assert found.json() == expected.json()
    as_csv = {
        "texts": ("made.CSV", ("text\n" + "\n".join(OTHERS)).encode()),
        "reference": ("r", lines(TEXTS)),
    }
    assert files(client, as_csv, metrics=["distinct"]).status_code == 200


def test_a_page_shows_values_and_pictures_and_escapes_texts(client: TestClient) -> None:
    texts = [f"<script>alert(1)</script> {text}" for text in OTHERS]
    uploads = {"texts": ("made.jsonl", lines(texts)), "reference": ("real.jsonl", lines(TEXTS))}
    found = files(client, uploads, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    assert (found.status_code, found.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert found.text.count("data:image/png;base64,") == len(QUICK)
    assert "js_unigram" in found.text
    assert "<script>" not in found.text
    assert "&lt;script&gt;alert(1)" in found.text


def test_a_picture_alone_is_a_png(client: TestClient) -> None:
    body = {"texts": OTHERS, "reference": TEXTS, "picture": "vocabulary_growth"}
    found = client.post("/v1/measure", json=body, headers={"accept": "image/png"})
    assert found.headers["content-type"] == "image/png"
    assert found.content.startswith(b"\x89PNG")


QA = b'{"question": "who", "answer": "she"}\n'


@pytest.mark.parametrize(
    ("uploads", "options", "pointer"),
    [
        ({"texts": b""}, {}, None),
        ({"texts": lines(TEXTS), "reference": b""}, {}, None),
        ({"texts": b'{"text": "a"}\nnot json\n'}, {}, "/texts/rows/1"),
        ({"texts": b'{"text": 7}\n'}, {}, "/texts/rows/0/text"),
        ({"texts": b'{"title": "a"}\n'}, {}, "/texts/rows/0"),
        ({"texts": b"\xff\xfe{}\n"}, {}, "/texts/rows/0"),
        ({"texts": lines(TEXTS), "reference": b"[]"}, {}, None),
        ({"texts": lines(TEXTS), "reference": b"[7]"}, {}, "/reference/rows/0"),
        ({"texts": lines(TEXTS), "reference": QA}, {}, "/reference"),
        ({"texts": lines(TEXTS)}, {"metrics": ["nonsense"]}, "/options/metrics/0"),
        ({"texts": lines(TEXTS)}, {"texts": ["a"]}, "/options"),
        ({"texts": lines(["x"] * 20_001)}, {}, "/texts"),
        ({"reference": lines(TEXTS)}, {}, "/texts"),
    ],
)
def test_bad_files_are_told_what_is_wrong(
    uploads: dict[str, bytes], options: dict[str, Any], pointer: str | None
) -> None:
    client = TestClient(create_app(MetricsSettings()), raise_server_exceptions=False)
    found = files(client, {name: (f"{name}.jsonl", content) for name, content in uploads.items()}, **options)
    assert (found.status_code, found.headers["content-type"]) == (422, "application/problem+json"), found.text
    if pointer is not None:
        assert pointer in [error["pointer"] for error in found.json()["errors"]], found.text


def test_options_that_are_no_json_are_named(client: TestClient) -> None:
    found = client.post(
        "/v1/measure/files", files={"texts": ("a.jsonl", lines(TEXTS))}, data={"options": "{metrics"}
    )
    assert found.json()["errors"][0]["pointer"] == "/options"
