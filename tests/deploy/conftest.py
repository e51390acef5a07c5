"""Overlays are rendered once a session, by kustomize or kubectl."""

from __future__ import annotations

import pytest

from tests.deploy.manifests import OVERLAYS, Manifest, render, renderer


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    if renderer() is None:
        pytest.skip("neither kustomize nor kubectl is on this machine")
    return str(request.param)


@pytest.fixture
def manifests(overlay: str) -> tuple[Manifest, ...]:
    return render(overlay)
