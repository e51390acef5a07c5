"""What to do, in sentences: the verdict with what it was tested against, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from services.metrics.reporting.answer import Question, ReportAnswer
from services.metrics.reporting.table import TITLES
from services.metrics.reporting.verdicts import LEAST_LEARNT, Dose
from services.metrics.reporting.worth_told import worth_clause
from shared.contracts.report import IntervalEstimate, Verdict

NOTHING = "No run has been evaluated: there is nothing to compare yet."


def recommendation(answer: ReportAnswer, question: Question) -> list[str]:
    """What to do, what that was tested against, then how sure it is."""
    best = answer.best
    if best is None:
        return [NOTHING]
    title = TITLES.get(question.y, question.y)
    said = [_VERDICTS[answer.verdict](answer, best, title)]
    if answer.verdict == "nothing_learnt":
        return [within(answer) + said[0]]
    if answer.tested:
        said.append(tested_against(answer))
    if answer.verdict in ("add", "add_nothing") and (replaced := answer.of("in_place_of")):
        said.append(_as_replacement(replaced, answer, title))
    if answer.ties:
        said.append(
            f"With these runs {best.name} cannot be told from {listed(answer.ties)}"
            + (f"; of these {answer.smallest} takes the fewest rows." if answer.smallest else ".")
        )
    said.append(_covered(best) + _chosen(answer))
    return [within(answer) + sentence for sentence in said]


def _add(answer: ReportAnswer, best: Dose, title: str) -> str:
    worth = worth_clause(answer.worth, best)
    return f"Add {_added(best)} to your {_own_rows(answer)}: {title} {moved(best)}{worth}."


def _add_nothing(answer: ReportAnswer, best: Dose, title: str) -> str:
    other = answer.of("in_addition_to")[0]
    hurts = other.effect == "hurts"
    effect = f"even the best of them raises the {title}" if hurts else f"none of them lowers the {title}"
    judged = "hurts least" if hurts else "neither helps nor hurts, as far as these runs can tell"
    return (
        f"Add none of the generated rows to your {_own_rows(answer)}: {effect}. The best, {_added(other)}, "
        f"{judged}: {moved(other)}{worth_clause(answer.worth, other)}."
    )


def _replace(answer: ReportAnswer, best: Dose, title: str) -> str:
    sizes = rows_told(best.sizes, best.reference)
    return f"Train on {described(best)} in place of {best.reference}: {title} {moved(best)}.{sizes}"


def _keep_real(answer: ReportAnswer, best: Dose, title: str) -> str:
    other = answer.of("in_place_of")[0]
    effect = {"hurts": "is worse", "no_difference": "cannot be told from it"}.get(
        other.effect, "is no better"
    )
    return (
        f"Put no generated rows in place of {best.name}: the best of them, {described(other)}, {effect}: "
        f"{title} {moved(other)}.{rows_told(other.sizes, other.reference)} Whether they help in addition to "
        "it was not tried."
    )


def _train(answer: ReportAnswer, best: Dose, title: str) -> str:
    said = f"Train on {described(best)}: expected {title} {told(best.outcome)}"
    if best.change is None:
        return f"{said}."
    sizes = rows_told(best.sizes, best.reference)
    return f"{said}, {told(best.change, signed=True)} from {best.reference}'s.{sizes}"


def _keep_baseline(answer: ReportAnswer, best: Dose, title: str) -> str:
    other = answer.best_generated
    assert other is not None
    change = f", {told(other.change, signed=True)} from {other.reference}'s" if other.change else ""
    return (
        f"Train on {best.name}: expected {title} {told(best.outcome)}. The best of the others, "
        f"{described(other)}, has {told(other.outcome)}{change}; the runs do not say whether it was tried in "
        "place of those rows or in addition to them."
    )


def _do_not_train(answer: ReportAnswer, best: Dose, title: str) -> str:
    assert answer.untuned is not None
    return (
        f"Do not train on any of this: the model as it is has a {title} of {told(answer.untuned)}, "
        f"and the best of the trained ones, {best.name}, {told(best.outcome)}."
    )


def _nothing_learnt(answer: ReportAnswer, best: Dose, title: str) -> str:
    assert answer.untuned is not None
    return (
        f"Nothing was learnt, so nothing can be compared: the {title} of the model as it was is "
        f"{answer.untuned.value:.4g}, of the one trained on {best.name} {best.outcome.value:.4g}, and no "
        f"training moved it by {LEAST_LEARNT:.1%}. There were too few steps, or the learning rate is too "
        "low: raise `epochs` or `learning_rate`, or take more rows."
    )


def _undecided(answer: ReportAnswer, best: Dose, title: str) -> str:
    return NOTHING


_VERDICTS: Mapping[Verdict, Callable[[ReportAnswer, Dose, str], str]] = {
    "add": _add,
    "add_nothing": _add_nothing,
    "replace": _replace,
    "keep_real": _keep_real,
    "train": _train,
    "keep_baseline": _keep_baseline,
    "do_not_train": _do_not_train,
    "nothing_learnt": _nothing_learnt,
    "undecided": _undecided,
}


def tested_against(answer: ReportAnswer) -> str:
    """Which comparisons stand behind the verdict, and which do not."""
    ways = {"in_addition_to": "in addition to the real rows", "in_place_of": "in place of them"}
    tried = [words for way, words in ways.items() if way in answer.tested]
    if answer.tested[0] == "in_place_of":
        tried = ["in place of real rows"]
    said = f"Generated rows were tested {' and '.join(tried)}"
    if "training_longer" in answer.tested:
        return (
            f"{said}, and against training longer on the real rows alone: that gets no better"
            f"{_length(answer)}."
        )
    return f"{said}, not against training longer on the real rows alone."


def _length(answer: ReportAnswer) -> str:
    lengths = answer.baseline.condition.lengths if answer.baseline else []
    if not lengths:
        return ""
    epochs = sum(length.epochs for length in lengths) / len(lengths)
    most = max(length.most_epochs for length in lengths)
    return f" after {epochs:.3g} epochs, by held-back rows (it could take {most:.3g})"


def _as_replacement(replaced: Sequence[Dose], answer: ReportAnswer, title: str) -> str:
    best, others = replaced[0], replaced[1:]
    worse = [dose.name for dose in others if dose.effect == "hurts"]
    effect = {
        "hurts": "is worse",
        "helps": "is better too",
        "no_difference": "cannot be told from them",
        "unmeasured": "comes nearest",
    }[best.effect]
    said = f"In place of your rows the best, {described(best)}, {effect}: {title} {moved(best)}"
    return said + (
        f"; {listed(worse)} {'is' if len(worse) == 1 else 'are'} worse than them too." if worse else "."
    )


def _added(dose: Dose) -> str:
    """`the 400 rows of D4`."""
    count = dose.condition.amount("generated")
    rows = f"{count:,.0f} rows" if count is not None else "rows"
    return f"the {rows} of {dose.condition.pool or dose.name}"


def _own_rows(answer: ReportAnswer) -> str:
    assert answer.baseline is not None
    rows = answer.baseline.condition.mean("rows")
    return f"{rows:,.0f}" if rows else answer.baseline.name


def moved(dose: Dose) -> str:
    """`3.09 instead of 4.01 (-0.92, -1.02 to -0.82)`."""
    found = dose.change
    if found is None or dose.instead_of is None:
        return told(dose.outcome)
    bounds = "" if found.low is None or found.high is None else f", {found.low:+.3g} to {found.high:+.3g}"
    return f"{dose.outcome.value:.4g} instead of {dose.instead_of:.4g} ({found.value:+.3g}{bounds})"


def told(estimate: IntervalEstimate, *, signed: bool = False) -> str:
    """`4.32 (4.2 to 4.4)`."""
    sign = "+" if signed else ""
    value = f"{estimate.value:{sign}.4g}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:{sign}.4g} to {estimate.high:{sign}.4g})"


def described(dose: Dose) -> str:
    """Its name, how many rows it has, and the axes that the name does not tell."""
    rows = dose.condition.mean("rows")
    untold = [
        (axis, value) for axis, value in dose.condition.axes.items() if f"{axis}={value}" not in dose.name
    ]
    axes = ", ".join(f"{axis} {value}" for axis, value in untold)
    size = f"{rows:,.0f} rows" if rows else ""
    inside = "; ".join(part for part in (size, axes if axes not in dose.name else "") if part)
    return f"{dose.name} ({inside})" if inside else dose.name


def rows_told(sizes: tuple[float, float] | None, reference: str | None) -> str:
    """That the numbers of rows differ, where they do."""
    if sizes is None:
        return ""
    return f" It has {sizes[0]:,.0f} rows, {reference} {sizes[1]:,.0f}: a part of the change may be that."


def _chosen(answer: ReportAnswer) -> str:
    """That the figures are of one chosen on the very rows that it was tested on."""
    if len(answer.doses) < 2 or not answer.best or not answer.best.outcome.covers:
        return ""
    return (
        f" They allow for the choice among {len(answer.doses)} on this test set: at 95 % all losses lie in "
        "theirs together, and all changes."
    )


def _covered(best: Dose) -> str:
    outcome = best.outcome
    if not outcome.covers:
        return "One seed, and no losses by row: these figures have no interval. Run several seeds."
    if "seeds" in outcome.covers:
        return f"Intervals cover {' and '.join(outcome.covers)} ({outcome.seeds} seeds each)."
    return (
        "Intervals cover the choice of test rows, not the chance in generating and training: run several "
        "seeds before you rely on a small difference."
    )


def within(answer: ReportAnswer) -> str:
    """`[base a] `."""
    axes = ", ".join(f"{axis} {value}" for axis, value in answer.within.items())
    return f"[{axes}] " if axes else ""


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
