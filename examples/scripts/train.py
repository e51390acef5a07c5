"""Fine-tune on one dataset and test on another: `python examples/scripts/train.py DATASET TEST.jsonl`.

Prints the test loss with its interval, and where the adapter lies.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from session import answered, connect, made, upload  # isort: skip  # first: it finds the client

from gamut_gateway.api.artifacts import get_artifact
from gamut_gateway.api.jobs import create_evaluation, create_training
from gamut_gateway.models import EvaluationRequest, LoraSettings, TrainingRequest, TrainingSettings

TEST = Path(__file__).resolve().parents[1] / "data" / "stories.test.jsonl"


def main(dataset: str, test: Path = TEST) -> dict[str, Any]:
    client = connect()
    held_out = upload(client, test)
    request = TrainingRequest(
        dataset=dataset,
        base="story-base",
        test=held_out,
        settings=TrainingSettings(learning_rate=0.005, lora=LoraSettings(target_modules="all-linear")),
    )
    model = made(client, answered(create_training.sync(client=client, body=request)), "training")
    evaluation = EvaluationRequest(dataset=held_out, model=model)
    made_of = made(client, answered(create_evaluation.sync(client=client, body=evaluation)), "test")
    return {"model": model, **answered(get_artifact.sync(made_of, client=client)).summary.to_dict()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(Path, sys.argv[2:3])), indent=1))
