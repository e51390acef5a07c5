"""Which rows an evaluation's parts are of.

`rows.jsonl` has the rows of its one test set, or of the first that is to improve; with several, each further
one has a part `rows_NAME.jsonl`.
"""

from __future__ import annotations

from shared.contracts.artifacts import Manifest
from shared.contracts.training.results import EvaluationSummary
from shared.datasets import ROWS


def part_of(test: str, *, first: bool) -> str:
    """The part that has a test set's rows."""
    return ROWS if first else f"rows_{test}.jsonl"


def tested_rows(evaluation: Manifest) -> dict[str, str]:
    """Part → the dataset whose rows it has."""
    if "dataset" in evaluation.inputs:
        return {ROWS: evaluation.inputs["dataset"]}
    tests = evaluation.summary_as(EvaluationSummary).tests.values()
    return {test.part: test.dataset for test in tests}
