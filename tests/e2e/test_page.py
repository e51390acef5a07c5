"""The page in a real browser: it lives, it can be walked by keyboard, it is dark where that is asked for."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from embedded.client import GatewayClient, Json
from embedded.suite import Suite
from tests.e2e.browser import Browser, browser, needs_chromium

pytestmark = needs_chromium
LUMINANCE = """(() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
})()"""


@pytest_asyncio.fixture
async def page(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "chromium") as opened:
        yield opened


@pytest.fixture(scope="session")
def experiment(gateway: GatewayClient, small_recipe: Callable[[int], Json]) -> Json:
    """The main job in small; the same one as elsewhere in this session, so it runs once."""
    return gateway.wait(gateway.post("/v1/experiments", small_recipe(1))["id"])


def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: a folder of the caller's, for looking at them, or the test's own."""
    folder = Path(os.environ.get("GAMUT_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_well(page: Browser, suite: Suite) -> None:
    """Nothing went wrong in the page, and it loaded nothing from elsewhere."""
    assert page.faults == []
    elsewhere = [url for url in page.requests if not url.startswith((suite.url, "data:", "blob:", "about:"))]
    assert elsewhere == []


async def test_an_experiment_can_be_watched_to_its_answer(
    suite: Suite, gateway: GatewayClient, page: Browser, small_recipe: Callable[[int], Json], tmp_path: Path
) -> None:
    recipe = small_recipe(3)
    job = gateway.post("/v1/experiments", recipe)
    await page.open(f"{suite.url}/experiments/{job['id']}")
    await page.until(f"document.querySelectorAll('.box').length === {len(recipe['steps'])}")
    await page.until("document.querySelector('h1 .state').textContent === 'succeeded'")  # it reloads itself
    await page.until("document.querySelector('.answer p') !== null")
    said = await page.value("document.querySelector('.answer').innerText")
    assert "test loss" in said
    assert await page.screenshot(pictures(tmp_path) / "experiment-light.png") > 20_000
    is_well(page, suite)


async def test_it_is_light_and_dark(suite: Suite, page: Browser, experiment: Json, tmp_path: Path) -> None:
    for scheme, is_right in (("light", lambda value: value > 0.8), ("dark", lambda value: value < 0.2)):
        await page.colours(scheme)
        for name, address in {"home": "/", "experiment": f"/experiments/{experiment['id']}"}.items():
            await page.open(suite.url + address)
            assert is_right(await page.value(LUMINANCE)), (scheme, name)
            await page.screenshot(pictures(tmp_path) / f"{name}-{scheme}.png")
    is_well(page, suite)


async def test_it_can_be_walked_by_keyboard(suite: Suite, page: Browser, experiment: Json) -> None:
    await page.open(suite.url)
    await page.press("Tab")
    assert await page.value("document.activeElement.className") == "skip"
    wanted = f"/experiments/{experiment['id']}"
    for _ in range(40):
        if await page.value("document.activeElement.getAttribute('href')") == wanted:
            break
        await page.press("Tab")
    outline = await page.value("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"  # one sees where one is
    await page.press("Enter")
    await page.until(f"location.pathname === {json.dumps(wanted)} && document.readyState === 'complete'")
    for _ in range(20):  # on to a step of the graph, and from it to its jobs
        if (await page.value("document.activeElement.id")).startswith("g-"):
            break
        await page.press("Tab")
    step = (await page.value("document.activeElement.id")).removeprefix("g-")
    await page.press("Enter")
    await page.until(f"location.hash === '#s-{step}'")
    is_well(page, suite)


async def test_rows_stand_side_by_side(
    suite: Suite,
    gateway: GatewayClient,
    page: Browser,
    experiment: Json,
    inputs: dict[str, str],
    tmp_path: Path,
) -> None:
    lineage = gateway.get(f"/v1/artifacts/{experiment['artifact']}/lineage")
    generated = next(node["id"] for node in lineage["nodes"] if node["operation"] == "generate")
    await page.open(f"{suite.url}/datasets/{inputs['real']}?beside={generated}")
    boxes = "[...document.querySelectorAll('.sides section')].map((side) => side.getBoundingClientRect())"
    assert await page.value(f"{boxes}.length") == 2
    assert await page.value(f"{boxes}[0].right <= {boxes}[1].left")
    assert await page.value("document.querySelectorAll('.sides section:nth-child(2) article').length") == 20
    assert await page.value("document.querySelector('.sides details summary').textContent.length > 3")
    await page.screenshot(pictures(tmp_path) / "rows.png")
    is_well(page, suite)


async def test_the_worst_rows_lead_to_the_rows_that_were_learned(
    suite: Suite, gateway: GatewayClient, page: Browser, experiment: Json, tmp_path: Path
) -> None:
    nodes = gateway.get(f"/v1/experiments/{experiment['id']}")["nodes"]
    tested = next(node["artifact"] for node in nodes if node["step"] == "tested")
    await page.open(f"{suite.url}/artifacts/{tested}")
    await page.value("document.getElementById('trace').click()")
    await page.until("location.pathname.startsWith('/jobs/') && document.readyState === 'complete'")
    await page.until("document.querySelector('dd a') !== null")
    traced = await page.value("document.querySelector('dd a').title")
    await page.open(f"{suite.url}/artifacts/{traced}")
    assert await page.value("document.querySelectorAll('article.row').length") == 20
    origin = json.loads(await page.value("document.querySelector('article.row details pre').textContent"))
    assert {"source", "topic", "prompt_hash", "seed"} <= origin.keys()
    await page.screenshot(pictures(tmp_path) / "worst.png")
    is_well(page, suite)


async def test_the_report_stands_alone(
    gateway: GatewayClient, page: Browser, experiment: Json, tmp_path: Path
) -> None:
    path = gateway.download(experiment["artifact"], "report.html", tmp_path / "report.html")
    await page.call(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    for scheme in ("light", "dark"):
        await page.colours(scheme)
        await page.open(path.as_uri())
        loaded = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
        assert await page.value(loaded)
        assert await page.value("document.images.length") >= 4
        assert await page.screenshot(pictures(tmp_path) / f"report-{scheme}.png") > 20_000
    assert page.faults == []
    assert {urlsplit(url).scheme for url in page.requests} <= {"file", "data"}
