"""What a person sees in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shared.artifacts import project_store
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace
from shared.store.local import LocalStore
from shared.testing import put_dataset
from tests.unit.services.gateway.routes.test_datasets import give_measurement, give_rows, rows_of
from tests.unit.services.gateway.small_operations import ladder
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite


def small(name: str = "a ladder") -> dict[str, object]:
    return ladder(topics=(1, 5), seeds=(1,)) | {"name": name}


def test_the_first_page_says_what_to_do_when_there_is_nothing(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "make demo" in page.text
    assert "/v1/experiments" in page.text


def test_the_first_page_lists_experiments_with_their_reports(client: TestClient, suite: SmallSuite) -> None:
    job = client.post("/v1/experiments", json=small()).json()["id"]
    suite.drain()
    page = client.get("/").text
    assert f'href="/experiments/{job}"' in page
    assert "12 of 12 jobs" in page
    report = client.get(f"/v1/jobs/{job}").json()["artifact"]
    assert f'href="/v1/artifacts/{report}/parts/report.html"' in page


def test_an_experiment_shows_its_graph_its_jobs_and_its_report(client: TestClient, suite: SmallSuite) -> None:
    job = client.post("/v1/experiments", json=small()).json()["id"]
    for _ in range(3):
        suite.step()
    page = client.get(f"/experiments/{job}").text
    assert f'data-events="/v1/jobs/{job}/events"' in page
    assert "generated[topics=5, seed=1]" in page
    assert "<iframe" not in page
    fragment = client.get(f"/experiments/{job}?fragment=true").text
    assert "<html" not in fragment
    assert fragment.strip() in page.replace("\n  " + fragment, fragment) or fragment[:200] in page
    suite.drain()
    done = client.get(f"/experiments/{job}").text
    assert "data-events" not in done
    assert 'sandbox="allow-scripts allow-popups"' in done


def test_a_failure_is_told_with_its_cause(client: TestClient, suite: SmallSuite) -> None:
    def refuse(request: JobRequest, workspace: Workspace) -> None:
        raise InvalidData("the source wrote <script>nothing</script>")

    suite.behaviour["generate"] = refuse
    job = client.post("/v1/experiments", json=small()).json()["id"]
    suite.drain()
    page = client.get(f"/experiments/{job}").text
    assert "the source wrote &lt;script&gt;nothing&lt;/script&gt;" in page
    failed = next(record.id for record in suite.records.all() if record.state == "failed")
    assert "the source wrote &lt;script&gt;" in client.get(f"/jobs/{failed}").text


def test_what_comes_from_outside_is_text_on_every_page(
    client: TestClient, suite: SmallSuite, local_store: LocalStore, tmp_path: Path
) -> None:
    hostile = "<img src=x onerror=alert(1)>\"'"
    dataset = give_rows(local_store, rows_of([hostile, hostile]), tmp_path)
    job = client.post("/v1/experiments", json=small(hostile)).json()["id"]
    suite.drain()
    suite_report = client.get(f"/v1/jobs/{job}").json()["artifact"]
    paths = ("/", f"/experiments/{job}", f"/jobs/{job}", f"/datasets/{dataset}", f"/artifacts/{suite_report}")
    for path in paths:
        page = client.get(path)
        assert page.status_code == 200, path
        assert "<img src=x" not in page.text, path
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_a_chat_is_shown_as_one(client: TestClient, local_store: LocalStore) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "<b>Rome</b>"}}}
    messages = [
        {"role": "user", "content": "How warm is <i>Rome</i>?"},
        {"role": "assistant", "content": "", "reasoning_content": "I should ask.", "tool_calls": [call]},
        {"role": "tool", "content": "20"},
        {"role": "assistant", "content": "Twenty degrees."},
    ]
    rows = [{"messages": messages, "tools": [{"type": "function", "function": {"name": "weather"}}]}]
    dataset = put_dataset(project_store(local_store, PROJECT), rows, DatasetKind.CHAT)
    page = client.get(f"/datasets/{dataset}").text
    roles = re.findall(r'<span class="column">(\w+)</span>', page)
    assert roles == ["user", "assistant", "calls", "tool", "assistant"]
    for said in ("How warm is &lt;i&gt;Rome", "I should ask.", "Twenty degrees.", "1 tools"):
        assert said in page
    assert "<b>Rome" not in page


def test_rows_are_shown_beside_others_and_turned_by_page(
    client: TestClient, local_store: LocalStore, tmp_path: Path
) -> None:
    dataset = give_rows(local_store, rows_of([f"story {number}" for number in range(45)]), tmp_path)
    page = client.get(f"/datasets/{dataset}?beside={dataset}").text
    assert page.count("story 19<") == 2
    assert "story 20<" not in page
    [left, right] = re.findall(r'rel="next" href="([^"]+)"', page)
    turned = client.get(f"/datasets/{dataset}{left.replace('&amp;', '&')}").text
    assert (turned.count("story 20<"), turned.count("story 0<")) == (1, 1)
    assert left != right


def test_an_artifact_shows_where_it_is_from(client: TestClient, suite: SmallSuite) -> None:
    job = client.post("/v1/experiments", json=small()).json()["id"]
    suite.drain()
    report = client.get(f"/v1/jobs/{job}").json()["artifact"]
    page = client.get(f"/artifacts/{report}").text
    assert "runs/1/evaluation" in page
    assert f"/v1/artifacts/{report}/parts/result.json" in page


def test_a_measurement_shows_the_rows_that_it_names(
    client: TestClient, local_store: LocalStore, tmp_path: Path
) -> None:
    far = {
        "id": "r1",
        "text": "far <away>",
        "distance": 1.2,
        "radius": 0.5,
        "nearest": {"id": "g1", "text": "near"},
    }
    echo = {"id": "g2", "text": "told again", "share": 1.0, "copies_example": True, "repeats": "told again"}
    lists = {"uncovered.jsonl": [far], "echoes.jsonl": [echo]}
    page = client.get(f"/artifacts/{give_measurement(local_store, lists, tmp_path)}").text
    assert "far &lt;away&gt;" in page
    assert "copies an example" in page
    assert "part=uncovered.jsonl" in page


def test_pages_need_nothing_from_elsewhere(client: TestClient, suite: SmallSuite) -> None:
    client.post("/v1/experiments", json=small())
    suite.drain()
    for path in ("/", "/datasets", "/static/page.css", "/static/page.js", "/static/icon.svg"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert not re.search(r"https?://(?!www\.w3\.org)", answer.text), path


@pytest.mark.parametrize(
    "path", ["/experiments/job-" + "0" * 32, "/jobs/job-" + "0" * 32, "/jobs/x", "/nowhere"]
)
def test_a_page_that_is_not_there_is_a_problem(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 422)


@pytest.mark.parametrize("path", ["/jobs/job-" + "0" * 32, "/nothing", "/datasets/not-an-id"])
def test_a_person_is_told_so_on_a_page(client: TestClient, path: str) -> None:
    page = client.get(path, headers={"Accept": "text/html,*/*"})
    assert page.status_code in (404, 422)
    assert page.headers["content-type"].startswith("text/html")
    assert 'href="/"' in page.text
    assert "<script>" not in client.get("/<script>", headers={"Accept": "text/html"}).text
    told = client.get("/v1" + path, headers={"Accept": "text/html,*/*"})
    assert told.headers["content-type"] == "application/problem+json"  # the API stays the API


def test_what_could_not_start_is_folded_under_what_failed(client: TestClient, suite: SmallSuite) -> None:
    def refuse(request: JobRequest, workspace: Workspace) -> None:
        raise InvalidData("the source wrote nothing")

    suite.behaviour["topics"] = refuse
    job = client.post("/v1/experiments", json=small()).json()["id"]
    suite.drain()
    page = client.get(f"/experiments/{job}").text
    failed, folded = page.split('<details id="blocked">')
    assert "pool failed: the source wrote nothing" in failed
    assert " blocked: it needs " not in failed
    assert "8 more could not start for that" in folded


def test_of_a_large_experiment_the_causes_are_told_first(client: TestClient, suite: SmallSuite) -> None:
    """Its list of what was not made is cut: after a hundred that could not start no other cause was told."""

    def refuse(request: JobRequest, workspace: Workspace) -> None:
        raise InvalidData("there is nothing to work with")

    suite.behaviour |= {"topics": refuse, "train": refuse}
    recipe = ladder(topics=(1, 5), seeds=tuple(range(30)))
    job = client.post("/v1/experiments", json=recipe).json()["id"]
    suite.drain()
    told = [fault["detail"] for fault in client.get(f"/v1/jobs/{job}").json()["error"]["errors"]]
    causes = [detail for detail in told if " failed: " in detail]
    assert len(told) == 100
    assert {detail.partition(" ")[0] for detail in causes} == {"pool", "trained_real"}
    assert causes == told[: len(causes)]
    assert f"At least {100 - len(causes)} more could not" in client.get(f"/experiments/{job}").text


def test_another_sites_page_cannot_act(client: TestClient, suite: SmallSuite) -> None:
    job = client.post("/v1/topics", json={}).json()["id"]
    for site in ("cross-site", "same-site"):
        answer = client.post(f"/v1/jobs/{job}/cancel", headers={"Sec-Fetch-Site": site})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert client.get(f"/v1/jobs/{job}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert client.post(f"/v1/jobs/{job}/cancel", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 202


def test_a_job_that_is_no_experiment_is_shown_as_a_job(client: TestClient, suite: SmallSuite) -> None:
    client.post("/v1/experiments", json=small())
    suite.drain()
    other = next(record.id for record in suite.records.all() if record.operation == "train")
    page = client.get(f"/experiments/{other}", follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (307, f"/jobs/{other}")


def test_a_job_that_succeeded_is_whole_though_its_last_progress_was_not(
    client: TestClient, suite: SmallSuite
) -> None:
    def work(request: JobRequest, workspace: Workspace) -> None:
        workspace.progress(15, 16, "rows")

    suite.behaviour["generate"] = work
    client.post("/v1/experiments", json=small())
    suite.drain()
    made = next(record.id for record in suite.records.all() if record.operation == "generate")
    assert "16 of 16 rows" in client.get(f"/jobs/{made}").text


def test_what_a_stopped_experiment_never_began_is_not_waiting(client: TestClient, suite: SmallSuite) -> None:
    job = client.post("/v1/experiments", json=small()).json()["id"]
    suite.step()
    client.post(f"/v1/jobs/{job}/cancel")
    suite.drain()
    assert client.get(f"/v1/jobs/{job}").json()["state"] == "cancelled"
    states = {node["state"] for node in client.get(f"/v1/experiments/{job}").json()["nodes"]}
    assert "waiting" not in states
    assert "cancelled" in states


def test_a_long_name_stays_in_its_box_and_can_be_read(client: TestClient, suite: SmallSuite) -> None:
    document = ladder(topics=(1,), seeds=(1,))
    long = "a-step-whose-name-is-much-longer-than-its-box"
    steps = document["steps"]
    steps[long] = {
        "operation": "measure",
        "request": {"dataset": {"input": "real"}, "reference": {"input": "test"}},
    }
    job = client.post("/v1/experiments", json=document).json()["id"]
    page = client.get(f"/experiments/{job}").text
    assert f"<title>{long}</title>" in page
    assert f">{long[:19]}…</text>" in page
