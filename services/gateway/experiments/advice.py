"""A request for advice as a recipe: rungs of proposals, small trainings and their losses, then a comparison.

Everything is known before it runs except which mixtures survive, and that the proposals decide when they come
to it. So a search is an experiment like any other: it can be estimated, watched, killed and continued.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

from services.gateway.documents.pointers import faults
from services.gateway.documents.reading import Document
from services.gateway.experiments.errors import refuse
from services.gateway.experiments.held_out import with_test_sets
from shared.contracts.advice import AdviceRequest
from shared.contracts.experiment import ExperimentRequest

SMALLEST = 2
"""Rows of a rung at least."""


def advice_recipe(request: AdviceRequest) -> ExperimentRequest:
    """The experiment that ends with the recommended mixture and a report on it."""
    rungs = request.rungs
    last = len(rungs) - 1
    steps: dict[str, Document] = {
        "search_rows": _held_back(request, "search"),
        "choosing": _held_back(request, "choose"),
        **_blends(request),
    }
    sweep: Document = {"seed": list(request.seeds)}
    candidates = ", ".join([*request.pools, *request.blends])
    for rung, slots in enumerate(rungs[:-1]):
        axis = f"slot{rung}"
        fresh = 1 if rung else 0
        sweep[axis] = list(range(slots + fresh))
        size = max(SMALLEST, math.ceil(request.size / request.reduction ** (last - rung)))
        steps |= _rung(request, rung, size, {"axis": axis}, keep=slots if rung else 0)
    steps |= _finish(request, last)
    return _checked(
        with_test_sets(
            {
                "name": "advice",
                "description": f"Which of {candidates} to add to the real rows, and how much.",
                "inputs": {"real": request.real, "test": request.test} | _pool_inputs(request),
                "sweep": sweep,
                "steps": steps,
                "report": "answer",
                "budget": request.budget.model_dump() if request.budget else None,
            },
            request.tests,
            request.answers,
        )
    )


def _checked(document: Document) -> ExperimentRequest:
    """What no experiment may be is refused here as it is of a recipe that somebody wrote."""
    try:
        return ExperimentRequest.model_validate(document)
    except ValidationError as error:
        refuse(faults(error))
        raise AssertionError from error  # refuse has raised


def _held_back(request: AdviceRequest, take: str) -> Document:
    share = request.validation_share
    return {
        "operation": "split",
        "request": {
            "dataset": {"input": "real"},
            "shares": {"search": 1 - share, "choose": share},
            "take": take,
            "seed": request.seed,
        },
    }


def _pool_inputs(request: AdviceRequest) -> dict[str, str]:
    """Names of inputs may hold less than names of pools, so they are numbered."""
    return {f"pool{place}": pool for place, pool in enumerate(request.pools.values())}


def _blends(request: AdviceRequest) -> dict[str, Document]:
    """A dataset of each blend: its pools by weight, as many rows as they allow."""
    place = {name: f"pool{number}" for number, name in enumerate(request.pools)}
    return {
        f"blend{number}": {
            "operation": "mix",
            "request": {
                "parts": [
                    {"name": name, "dataset": {"input": place[name]}, "weight": weight}
                    for name, weight in weights.items()
                ],
                "seed": request.seed,
            },
        }
        for number, weights in enumerate(request.blends.values())
    }


def _candidates(request: AdviceRequest) -> Document:
    """What proposals choose from: the pools, and the blends of them."""
    pools = {name: {"input": f"pool{number}"} for number, name in enumerate(request.pools)}
    return pools | {name: {"step": f"blend{number}"} for number, name in enumerate(request.blends)}


def _proposal(request: AdviceRequest, rung: int, size: int, slot: Any, keep: int) -> Document:
    body: Document = {
        "real": {"step": "search_rows"},
        "pools": _candidates(request),
        "search": request.search.model_dump(),
        "size": size,
        "slot": slot,
        "keep": keep,
        "seed": request.seed,
    }
    if rung:
        body["history"] = _tried(rung)
    return {"operation": "propose", "request": body}


def _tried(rungs: int) -> Document:
    """What was tried in so many rungs."""
    return {
        "gather": [
            {
                "name": f"rung {before}",
                "axes": {"rung": before},
                "mixture": {"step": f"mixture{before}"},
                "evaluation": {"step": f"tested{before}"},
            }
            for before in range(rungs)
        ]
    }


def _rung(request: AdviceRequest, rung: int, size: int, slot: Any, keep: int) -> dict[str, Document]:
    settings = dict(request.training)
    if request.proxy_steps is not None:
        settings["max_steps"] = request.proxy_steps * request.reduction**rung
    return {
        f"mixture{rung}": _proposal(request, rung, size, slot, keep),
        f"trained{rung}": _training(request, {"step": f"mixture{rung}"}, settings, request.seed % 2**31),
        f"tested{rung}": _evaluation({"step": f"trained{rung}"}, {"step": "choosing"}, request),
    }


def _training(request: AdviceRequest, dataset: Any, settings: Document, seed: Any) -> Document:
    body = {
        "dataset": dataset,
        "base": request.base,
        "preset": request.preset,
        "settings": settings,
        "seed": seed,
    }
    return {"operation": "train", "request": body | {"test": {"input": "test"}}}


def _evaluation(model: Any, dataset: Any, request: AdviceRequest) -> Document:
    body: Document = {"dataset": dataset, "model": model}
    rendering = request.training.get("rendering")
    if rendering is not None:
        body["settings"] = {"rendering": rendering}
    return {"operation": "evaluate", "request": body}


def _finish(request: AdviceRequest, last: int) -> dict[str, Document]:
    """The survivor at full size and the real rows alone, with every seed, on the test set."""
    seed, settings = {"axis": "seed"}, dict(request.training)
    whole = {
        "dataset": {"step": "search_rows"},
        "size": request.size,
        "seed": request.seed,
    }
    return {
        "recommended": _proposal(request, last, request.size, 0, 1),
        "only_real": {"operation": "sample", "request": whole},
        "measured": {
            "operation": "measure",
            "request": {
                "dataset": {"step": "recommended"}, "reference": {"input": "real"}, "test": {"input": "test"},
            },
        },
        "trained": _training(request, {"step": "recommended"}, settings, seed),
        "trained_real": _training(request, {"step": "only_real"}, settings, seed),
        "tested": _evaluation({"step": "trained"}, {"input": "test"}, request),
        "tested_real": _evaluation({"step": "trained_real"}, {"input": "test"}, request),
        "tested_untuned": {
            "operation": "evaluate",
            "request": {"dataset": {"input": "test"}, "base": request.base},
        },
        "answer": {
            "operation": "report",
            "request": {
                "title": "Which mixture to train on",
                "recipe": {"this": "recipe"},
                "tried": _tried(last),
                "runs": {
                    "gather": [
                        _run("real", "only_real", "trained_real", "tested_real") | {"design": "alone"},
                        _run("recommended", "recommended", "trained", "tested")
                        | {"measurement": {"step": "measured"}, "design": "in_addition_to"},
                        {"name": "untuned", "evaluation": {"step": "tested_untuned"}},
                    ]
                },
            },
        },
    }  # fmt: skip


def _run(name: str, dataset: str, model: str, evaluation: str) -> Document:
    return {
        "name": name,
        "dataset": {"step": dataset},
        "model": {"step": model},
        "evaluation": {"step": evaluation},
    }
