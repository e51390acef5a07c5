"""Which mixtures to try next: Optuna's samplers over pool × ρ, as a pure function of what was tried."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)
STARTUP = 4
"""Trials before the Parzen estimator is trusted to propose."""


@dataclass(frozen=True)
class Point:
    """A mixture: all the real rows of a size, and of one pool ρ/(1 − ρ) times as many."""

    pool: str
    rho: float


@dataclass(frozen=True)
class Tried:
    point: Point
    value: float


@dataclass(frozen=True)
class Space:
    pools: tuple[str, ...]
    low: float
    high: float
    step: float

    def suggest(self, trial: optuna.Trial) -> Point:
        pool = trial.suggest_int("pool", 0, len(self.pools) - 1) if len(self.pools) > 1 else 0
        rho = (
            trial.suggest_float("rho", self.low, self.high, step=self.step)
            if self.high > self.low
            else self.low
        )
        return Point(self.pools[pool], round(rho, 10))

    def distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        found: dict[str, optuna.distributions.BaseDistribution] = {}
        if len(self.pools) > 1:
            found["pool"] = optuna.distributions.IntDistribution(0, len(self.pools) - 1)
        if self.high > self.low:
            found["rho"] = optuna.distributions.FloatDistribution(self.low, self.high, step=self.step)
        return found

    def params(self, point: Point) -> dict[str, str | float]:
        whole = {"pool": self.pools.index(point.pool), "rho": point.rho}
        return {name: whole[name] for name in self.distributions()}


def propose(space: Space, history: Sequence[Tried], *, slot: int, keep: int, seed: int) -> Point:
    """The point of a rung's slot: the best of the history first, then new ones. The same call gives the same
    point, and the slots of a rung differ as far as the space has room."""
    survivors = ranked(history)[:keep]
    if slot < len(survivors):
        return survivors[slot].point
    with warnings.catch_warnings():  # Optuna calls some of its samplers' arguments experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(direction="minimize", sampler=_sampler(len(history), seed))
    for tried in history:
        study.add_trial(
            optuna.trial.create_trial(
                params=space.params(tried.point), distributions=space.distributions(), value=tried.value
            )
        )
    taken = {survivor.point for survivor in survivors}
    new: list[Point] = []
    for _ in range(20 * (slot + 1)):  # a sampler may propose a point twice
        point = space.suggest(study.ask())
        if point not in taken:
            taken.add(point)
            new.append(point)
        if len(new) > slot - len(survivors):
            return new[-1]
    return new[-1] if new else space.suggest(study.ask())


def ranked(history: Sequence[Tried]) -> list[Tried]:
    """Best first, a point that was tried twice once."""
    best: dict[Point, Tried] = {}
    for tried in sorted(history, key=lambda tried: tried.value):
        best.setdefault(tried.point, tried)
    return list(best.values())


def _sampler(tried: int, seed: int) -> optuna.samplers.BaseSampler:
    if tried < STARTUP:
        return optuna.samplers.QMCSampler(
            qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False
        )
    return optuna.samplers.TPESampler(n_startup_trials=STARTUP, constant_liar=True, seed=seed)
