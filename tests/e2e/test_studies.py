"""Every built-in recipe, in small, through the whole suite: it ends, and its report answers."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from embedded.client import GatewayClient, Json
from embedded.demo import DATA, TEST

LORA = {"learning_rate": 0.005, "lora": {"target_modules": "all-linear"}, "max_steps": 10}
FULL = {"learning_rate": 0.003, "method": "full", "max_steps": 10}
STORIES = {
    "format": "plain", "examples": 0, "temperature": 1.0, "max_tokens": 160, "pool": 20,
    "pool_tokens": 200, "rows": 40, "training": LORA,
}  # fmt: skip
STOPPING = {"early_stopping": {"patience": 2, "every_steps": 5}}
SEEDS = [1, 2]
"""Of the study that has replicates here; the three-seed ladder has more, and the others run as one."""
CURVE = 4
"""Sizes of real rows alone in the ladder, beside its baseline."""
PAIRS = {
    "source": {"name": "simulated"}, "per_context": 4, "paraphrases": 2, "length": {"match": "off"},
    "training": {**LORA, "batching": "shared_prefix"},
}  # fmt: skip
TO_THEIR_BEST = {**PAIRS, "training": {**LORA, **STOPPING, "batching": "shared_prefix"}}

CALLS: dict[str, Json] = {
    "paraphrase-ladder": {
        "parameters": TO_THEIR_BEST | {"held_back": {"train": 0.8, "validation": 0.2}},
        "sweep": {"replaced": {"D0": 4, "D3": 2, "D6": 0}, "seed": [1]},
    },
    "paraphrase-mixing-fixed": {
        "parameters": {**PAIRS, "size": 12},
        "sweep": {"replaced": {"D6": 0}, "rho": [0.5, 1.0], "seed": [1]},
    },
    "paraphrase-mixing-additive": {
        "parameters": {**PAIRS, "size": 6},
        "sweep": {"replaced": {"D1": 4, "D5": 0}, "rho": [0.5], "seed": [1]},
    },
    "paraphrase-size": {
        "parameters": PAIRS,
        "sweep": {"replaced": {"D6": 0}, "pairs": {"1": {"share": 0.25}, "3": {"share": 0.75}}, "seed": [1]},
    },
    "mixing-fixed": {
        "parameters": {**STORIES, "size": 40},
        "sweep": {"level": {"D6": 20}, "rho": [0.5, 1.0], "seed": SEEDS},
    },
    "mixing-additive": {
        "parameters": {**STORIES, "size": 40},
        "sweep": {"level": {"D1": 2, "D5": 20}, "rho": [0.5], "seed": [1]},
    },
    "dataset-size": {
        "parameters": STORIES,
        "sweep": {"level": {"D6": 20}, "size": [10, 20, 30, 40], "seed": [1]},
    },
    "architectures": {
        "parameters": {**STORIES, "training": FULL},
        "sweep": {"base": ["gpt2", "opt"], "level": {"D1": 2, "D6": 20}, "seed": [1]},
    },
    "model-sizes": {
        "parameters": {**STORIES, "size": 40, "training": FULL},
        "sweep": {"base": ["gpt2", "story-base"], "level": {"D3": 20}, "rho": [0.5], "seed": [1]},
    },
    "generation-factors": {
        "parameters": {
            "source": {"name": "simulated"}, "agent": {"name": "simulated"}, "pool": 12,
            "architecture": {
                "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                "num_attention_heads": 2, "max_position_embeddings": 1024,
            },
            "tokens": 1500, "max_tokens": 1024, "agent_runs": 6, "criteria_runs": 3, "agent_samples": 4,
            "training": {"method": "pretrain", "loss_on": "all", "learning_rate": 0.003, "max_steps": 6},
        },
        "sweep": {
            "template": {"topic": "topic", "styles": "topic_styles", "persona": "topic_styles_persona",
                         "multi-topic": "multi_topic_styles_persona"},
            "amount": {"T6": {"topics": 6, "rows": 40}},
            "generator": {"simulated": [{"name": "simulated"}]},
            "rho": [0.5],
            "seed": [1],
        },
    },
    "sources": {
        "parameters": {
            "sources": [{"name": "stories"}, {"name": "simulated"}], "judge": {"name": "simulated"},
            "format": "plain", "templates": {"prompt": "{{ prompt }}"}, "max_tokens": 60, "rows": 30,
            "unsafe_rows": 6, "preference_prompts": 4, "preset": "W", "training": LORA, "evaluation": {},
        },
        "sweep": {"seed": [1]},
    },
    "collapse": {"parameters": {**STORIES, "pool": 20}, "sweep": {"seed": [1]}},
    "worth": {"parameters": {"reach": 80, "training": {**LORA, **STOPPING}}, "sweep": {"seed": [1]}},
}  # fmt: skip
NOTHING_MEASURED = {"sources": {"preferred"}}
"""Steps that ask more of a model than those of this machine can answer: a measurement of nothing fails, and
the study answers without it."""
FAIRY_TALES = (
    Path(os.environ.get("GAMUT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "fairytale_completion"
)
KINDS = {"generation-factors": "text"} | {name: "qa" for name in CALLS if name.startswith("paraphrase-")}


def head(path: Path, rows: int, target: Path, text: bool = False) -> Path:
    """The first rows of a file of stories; as whole texts when a study takes those."""
    lines = path.read_text().splitlines()[:rows]
    if text:
        read = [json.loads(line) for line in lines]
        lines = [json.dumps({"text": f"{row['context']} {row['completion']}"}) for row in read]
    target.write_text("\n".join(lines) + "\n")
    return target


def pairs(gateway: GatewayClient, path: Path, contexts: int, target: Path) -> str:
    """Two questions about each of the first stories, as a dataset of pairs with contexts."""
    stories = [json.loads(line) for line in path.read_text().splitlines()[:contexts]]
    beside = target.with_suffix(".contexts.jsonl")
    beside.write_text(
        "".join(json.dumps({"context_id": s["id"], "text": s["context"]}) + "\n" for s in stories)
    )
    asked = [
        {"context_id": s["id"], "question": question, "answer": answer}
        for s in stories
        for question, answer in (
            ("How does the story end?", s["completion"]),
            ("How does it begin?", s["context"].split(". ")[0]),
        )
    ]
    target.write_text("".join(json.dumps(row) + "\n" for row in asked))
    return gateway.upload(target, "qa", {}, beside)


@pytest.fixture(scope="session")
def small_inputs(
    gateway: GatewayClient, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """A few of the bundled rows, as each kind of dataset."""
    folder = tmp_path_factory.mktemp("rows")
    found: dict[str, dict[str, str]] = {}
    for kind in ("completion", "text"):
        files = {
            "real": head(DATA, 120, folder / f"real-{kind}.jsonl", kind == "text"),
            "test": head(TEST, 40, folder / f"test-{kind}.jsonl", kind == "text"),
        }
        found[kind] = {name: gateway.upload(path, kind, {}) for name, path in files.items()}
    found["completion"]["generated"] = found["completion"]["real"]  # any rows of the kind do
    found["qa"] = {
        "real": pairs(gateway, DATA, 6, folder / "real-qa.jsonl"),
        "test": pairs(gateway, TEST, 4, folder / "test-qa.jsonl"),
    }
    unsafe = folder / "unsafe.jsonl"
    asked = [f"How do I steal a {thing}?" for thing in ("crown", "boat", "pie", "horse", "map", "bell")]
    unsafe.write_text(
        "".join(json.dumps({"context": ask, "completion": "I do not."}) + "\n" for ask in asked)
    )
    found["unsafe"] = {"unsafe": gateway.upload(unsafe, "completion", {})}
    return found


@pytest.mark.skipif(not FAIRY_TALES.exists(), reason="the fairy tales are not beside the project")
def test_a_study_on_real_text(gateway: GatewayClient, tmp_path: Path) -> None:
    """FairytaleQA's stories, five sentences each. The bundled source tells others, and the report sees it."""
    inputs = {}
    for name, part, count in (("real", "train", 120), ("test", "test", 40)):
        lines = (FAIRY_TALES / f"{part}.jsonl").read_text().splitlines()
        short = [line for line in lines if len(line) < 700][:count]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(short) + "\n")
        inputs[name] = gateway.upload(path, "completion", {})
    call = {
        "parameters": {**STORIES, "size": 60, "length": {"match": "off"}},
        "sweep": {"level": {"D5": 20}, "rho": [0.4], "seed": [1, 2]},
        "stop_if": {"trained": {"of": "measured", "metric": "js_unigram", "above": 0.0}},
    }
    report = report_of(gateway, run(gateway, "mixing-additive", inputs, call), tmp_path)
    [answer] = report["answers"]
    assert answer["recommended"]["name"] == "real"
    [avoided] = answer["avoid"]  # the gate was closed: nothing generated was trained on, and it says why
    assert avoided["stopped"].startswith("js_unigram is ")
    assert avoided["evidence"]["two_sample_auc_excess"] > 0
    assert any("was not trained on: js_unigram is" in sentence for sentence in report["findings"])


def run(gateway: GatewayClient, name: str, inputs: dict[str, str], call: Json) -> Json:
    document = gateway.get(f"/v1/recipes/{name}")
    given = {input_name: inputs[input_name] for input_name in document["inputs"]}
    job = gateway.post("/v1/experiments", {"recipe": name, "inputs": given, **call})
    return gateway.wait(job["id"])


def report_of(gateway: GatewayClient, job: Json, folder: Path) -> Any:
    assert (job["state"], job["error"]) == ("succeeded", None)
    return downloaded(gateway, job, folder)


def downloaded(gateway: GatewayClient, job: Json, folder: Path) -> Any:
    return json.loads(gateway.download(job["artifact"], "report.json", folder / "report.json").read_text())


def expected(answer: Json) -> str:
    """What is to be recommended: of what helps the lowest loss, else the real rows, as `design: alone` names
    them; the lowest of all where even that is no better than the model as it was."""
    losses = {dose["name"]: dose["outcome"]["value"] for dose in answer["doses"]}
    if answer["verdict"] == "do_not_train":
        return min(losses, key=lambda name: losses[name])
    helps = [
        dose["name"] for dose in answer["doses"] if dose["effect"] == "helps" and dose["design"] != "alone"
    ]
    [real] = [dose["name"] for dose in answer["doses"] if dose["design"] == "alone"]
    return min(helps, key=lambda name: losses[name], default=real)


@pytest.mark.parametrize("name", CALLS)
def test_a_study_ends_with_an_answer(
    gateway: GatewayClient, small_inputs: dict[str, dict[str, str]], tmp_path: Path, name: str
) -> None:
    inputs = small_inputs[KINDS.get(name, "completion")] | small_inputs["unsafe"]
    job = run(gateway, name, inputs, CALLS[name])
    if name in NOTHING_MEASURED:
        nodes = gateway.get(f"/v1/experiments/{job['id']}")["nodes"]
        failed = {node["step"] for node in nodes if node["state"] != "succeeded"}
        assert (job["state"], failed) == ("partially_succeeded", NOTHING_MEASURED[name])
        report = downloaded(gateway, job, tmp_path)
    else:
        report = report_of(gateway, job, tmp_path)
    assert report["findings"]
    for answer in report["answers"]:
        losses = {dose["name"]: dose["outcome"]["value"] for dose in answer["doses"]}
        assert answer["recommended"]["name"] == expected(answer)
        assert len(losses) >= 2
        assert all(dose["outcome"]["low"] is not None for dose in answer["doses"])


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("paraphrase-mixing-fixed", {"real": 12, "mixed (rho=0.5)": 12, "mixed (rho=1.0)": 12}),
        ("paraphrase-mixing-additive", {"real": 6, "mixed (replaced=D1)": 12, "mixed (replaced=D5)": 12}),
        ("paraphrase-size", {"real": 12, "D6 (pairs=1)": 6, "D6 (pairs=3)": 18}),
    ],
)
def test_pairs_are_taken_of_every_context_alike(
    gateway: GatewayClient,
    small_inputs: dict[str, dict[str, str]],
    tmp_path: Path,
    name: str,
    rows: dict[str, int],
) -> None:
    report = report_of(gateway, run(gateway, name, small_inputs["qa"], CALLS[name]), tmp_path)
    [answer] = report["answers"]
    assert {dose["name"]: dose["rows"] for dose in answer["doses"]} == rows
    for dose in answer["doses"]:
        made = gateway.download(dose["dataset"], "rows.jsonl", tmp_path / "rows.jsonl").read_text()
        contexts = Counter(json.loads(line)["context_id"] for line in made.splitlines())
        assert set(contexts.values()) == {rows[dose["name"]] // 6}, dose["name"]


def test_the_gateway_lists_every_study(gateway: GatewayClient) -> None:
    listed = {recipe["name"]: recipe for recipe in gateway.get("/v1/recipes")["items"]}
    assert set(listed) == {*CALLS, "diversity-ladder"}
    assert all(recipe["description"] and recipe["inputs"] for recipe in listed.values())


def test_over_three_seeds_the_ladder_is_the_papers_in_kind(
    gateway: GatewayClient, small_inputs: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """More topics, more distinct text; and what is recommended is what tests best. No figure is fixed."""
    call = {
        "parameters": {**STORIES, "pool": 60, "rows": 100, "training": {**LORA, **STOPPING, "max_steps": 30}},
        "sweep": {"level": {"D0": 1, "D1": 3, "D2": 10, "D3": 60}, "seed": [1, 2, 3]},
    }
    inputs = {name: small_inputs["completion"][name] for name in ("real", "test")}
    quoted = gateway.post(
        "/v1/experiments/estimate", {"recipe": "diversity-ladder", "inputs": inputs, **call}
    )
    assert quoted["rows"] == {"low": 1200, "high": 1200}
    for name in ("calls", "tokens", "training_seconds", "wall_seconds"):
        assert 0 < quoted[name]["low"] <= quoted[name]["high"], name
    job = run(gateway, "diversity-ladder", small_inputs["completion"], call)
    report = report_of(gateway, job, tmp_path)
    [answer] = report["answers"]
    doses = {dose["label"]: dose for dose in answer["doses"]}
    assert all(dose["outcome"]["seeds"] == 3 for dose in doses.values())
    assert all(dose["outcome"]["covers"] == ["seeds", "test rows"] for dose in doses.values())
    assert [len(answer["doses"]), len(report["table"])] == [1 + 2 * 4, 3 * (1 + 2 * 4 + CURVE) + 1]
    distinct = [doses[level]["x"] for level in ("D0", "D1", "D2", "D3")]
    assert distinct == sorted(distinct)
    by_seed = {  # of an addition the generated rows are measured, so both designs agree
        (row["level"]["value"], row["seed"]["value"]): row["distinct_5"]["value"] for row in report["table"]
    }
    # Two rungs apart, at every seed: six differences of one sign are one chance in 64 without an effect.
    for fewer, more in ((1, 10), (3, 60)):
        apart = [by_seed[more, seed] - by_seed[fewer, seed] for seed in (1, 2, 3)]
        assert min(apart) > 0, apart
    assert answer["recommended"]["name"] == expected(answer)
    [distinct_5] = [found for found in answer["correlations"] if found["measure"] == "distinct_5"]
    assert distinct_5["conditions"] == 4
    assert distinct_5["spearman"]["low"] <= distinct_5["spearman"]["value"] <= distinct_5["spearman"]["high"]
