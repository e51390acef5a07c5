"""Health and the list of models."""

from __future__ import annotations

import httpx

from tests.contract.sources.servers import CONTEXT, MODEL_NAME


def test_health_answers(client: httpx.Client) -> None:
    assert client.get("/health").status_code == 200


def test_the_served_model_is_listed(client: httpx.Client) -> None:
    listing = client.get("/v1/models").json()
    assert listing["object"] == "list"
    [model] = listing["data"]
    assert model["id"] == MODEL_NAME
    assert model["object"] == "model"
    assert model["max_model_len"] == CONTEXT
    assert model["root"].endswith("generator")


def test_an_unknown_path_is_404(client: httpx.Client) -> None:
    assert client.get("/v1/nothing-here").status_code == 404
