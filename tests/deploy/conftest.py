"""Overlays are rendered once a session, by kustomize or kubectl."""

from __future__ import annotations

import pytest

from tests.deploy.manifests import NO_RENDERER, OVERLAYS, Manifest, render, renderer


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    return str(request.param)


@pytest.fixture
def manifests(overlay: str) -> tuple[Manifest, ...]:
    return render(overlay)
