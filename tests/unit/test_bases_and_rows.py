"""What a person names is looked at before anything is started: a base model, a file of rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embedded.bases import base_of
from embedded.client import Refused
from embedded.demo import INSTRUCTED, RECIPE, W_TRAINING, filled, parameters_of
from embedded.processes import REPOSITORY, Base, Ports, Source, settings
from embedded.rows import kind_of
from embedded.suite import SuiteError

STAND_IN = REPOSITORY / "standin" / "models" / "base"
COMPLETIONS = Source("http://x/v1", "m", None)
CHAT = Source("http://x/v1", "m", None, "chat")


def model(folder: Path, weights: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_a_folder_is_a_base_named_by_its_content(tmp_path: Path) -> None:
    """Artifacts are found again by a base's name: other weights of one folder's name must not be."""
    one, other = model(tmp_path / "a" / "my base!", b"1"), model(tmp_path / "b" / "my base!", b"2")
    assert base_of(str(one)).name.startswith("my-base-")
    assert base_of(str(one)) == base_of(str(one))
    assert base_of(str(one)).name != base_of(str(other)).name
    assert base_of(str(one)).where == str(one)


@pytest.mark.parametrize(
    ("missing", "told"), [("config.json", "config.json"), ("model.safetensors", "safetens")]
)
def test_a_folder_without_a_model_is_refused(tmp_path: Path, missing: str, told: str) -> None:
    folder = model(tmp_path / "base", b"1")
    (folder / missing).unlink()
    with pytest.raises(SuiteError, match=told):
        base_of(str(folder))


def test_what_no_hub_gives_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SuiteError, match="neither a folder of this machine nor a model that its hub gives"):
        base_of("nobody/has-this-model")
    with pytest.raises(SuiteError, match="there is no folder"):
        base_of("./nowhere")


def test_the_trainer_may_use_it_and_reach_a_hub_only_where_that_is_needed(tmp_path: Path) -> None:
    ports = Ports(1, 2, 3, 4, 5, 6)
    own = settings(tmp_path, ports, CHAT, base=Base("mine", str(STAND_IN)))
    assert json.loads(own["GAMUT_MODELS"])["mine"] == str(STAND_IN)
    assert own["HF_HUB_OFFLINE"] == "1"
    hub = settings(tmp_path, ports, CHAT, base=Base("owner/model-1234", "owner/model@1234"))
    assert json.loads(hub["GAMUT_MODELS"])["owner/model-1234"] == "owner/model@1234"
    assert hub["HF_HUB_OFFLINE"] == "0"


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.jsonl", '\n{"context": "c", "completion": "d", "id": 1}\n', "completion"),
        ("a.jsonl", '\ufeff{"text": "t"}\n', "text"),
        ("a.csv", "text,label\nt,1\n", "text"),
        ("a.csv", "completion,context\nd,c\n", "completion"),
        ("a.jsonl", "no json\n", "completion"),  # the suite says by its line what is wrong
        ("a.jsonl", "", "completion"),
    ],
)
def test_columns_say_which_kind_the_rows_are(tmp_path: Path, name: str, text: str, kind: str) -> None:
    (tmp_path / name).write_text(text)
    assert kind_of(tmp_path / name) == kind


def test_other_columns_are_told_with_those_that_are_needed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "p", "answer": "a"}\n')
    with pytest.raises(
        Refused, match=r"have answer, prompt; they must have \{context, completion\} or \{text\}"
    ):
        kind_of(tmp_path / "a.jsonl")


def test_parameters_follow_from_what_was_named() -> None:
    assert parameters_of(COMPLETIONS, None, None, own_rows=False) == {}
    found = parameters_of(CHAT, Base("mine", "/m"), "letters", own_rows=True)
    assert found == {**INSTRUCTED, "task": "letters", "item": "", "base": "mine", "training": W_TRAINING}
    assert "examples" in parameters_of(CHAT, None, None, own_rows=True)["task"]
    assert parameters_of(COMPLETIONS, None, None, 900, own_rows=False) == {"rows": 900}


@pytest.mark.parametrize(
    ("asked", "there", "rows"), [(None, 600, 120), (None, 60, 54), (900, 600, 540), (None, 2, 1)]
)
def test_as_many_rows_are_generated_as_real_ones_are_compared_with(
    asked: int | None, there: int, rows: int
) -> None:
    wanted = {"rows": asked, "nothing": 1} if asked else {}
    document = filled(RECIPE, {"real": "dataset-r", "test": "dataset-t"}, wanted, there)
    assert document["parameters"]["rows"] == rows
    assert document["parameters"]["reach"] == 2 * rows
    assert "nothing" not in document["parameters"]
    shares = document["parameters"]["held_back"]
    assert round(shares["train"] * there) >= rows  # they are taken from those that nothing is held back of
    assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
    steps = document["steps"]
    assert (
        steps["generated"]["request"]["rows"]
        == steps["only_real"]["request"]["size"]
        == {"parameter": "rows"}
    )


def test_a_base_of_ones_own_is_trained_with_ws_settings_and_still_to_its_best() -> None:
    wanted = parameters_of(COMPLETIONS, Base("mine", "/m"), None, own_rows=False)
    training = filled(RECIPE, {"real": "dataset-r", "test": "dataset-t"}, wanted, 600)["parameters"][
        "training"
    ]
    assert training["learning_rate"] == W_TRAINING["learning_rate"]
    assert training["early_stopping"]["patience"] >= 1
