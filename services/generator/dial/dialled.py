"""A dataset of a wanted diversity: the dial's rounds, on the session's sources and a measuring function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.dial.dialling import Aim, Dial, Dialled, Evaluate, Reading, most_evaluations
from services.generator.dial.knobs import Knob, knob_for
from services.generator.engine.record import StageRecord
from services.generator.engine.session import Session
from services.generator.engine.stage import CallBounds
from services.generator.errors import CandidatesExhausted, TargetUnreachable
from shared.contracts.generation.dial import DialTarget
from shared.datasets import row_text

Measure = Callable[[Sequence[str]], Awaitable[Reading]]


async def dial_dataset(
    given: GenerationInputs, session: Session, measure: Measure
) -> tuple[StageRecord, Dialled]:
    """The record of the full dataset that was kept, and how it came to be.

    Raises `TargetUnreachable` when the target was missed and the request does not want the closest.
    """
    dial = given.request.dial
    assert dial is not None
    knob = knob_for(dial, given)
    records: dict[tuple[int, int], StageRecord] = {}
    evaluate = partial(_evaluate, given, session, measure, knob, records)
    rows = given.wanted
    probe_rows = min(dial.probe_rows, rows)
    rises = knob.rises if knob.rises is not None else await _rises(knob, evaluate, probe_rows)
    budget = dial.shift.at_most if dial.shift else None
    aim = Aim(dial.value, dial.tolerance, budget)
    search = Dial(knob.range(rises), aim, rows=rows, probe_rows=probe_rows, max_rounds=dial.max_rounds)
    found = await search.run(evaluate)
    if found.missed and dial.when_missed == "fail":
        raise TargetUnreachable(missed(dial, found))
    return records[found.setting, rows], found


def dial_bounds(given: GenerationInputs) -> CallBounds:
    """The first full dataset may be the right one; or each round may need all calls of a full dataset."""
    dial = given.request.dial
    assert dial is not None
    knob = knob_for(dial, given)
    ends = [knob.stage(setting, given.wanted).call_bounds() for setting in (knob.low, knob.high)]
    return CallBounds(min(end.fewest for end in ends), dial_rounds(given) * max(end.most for end in ends))


def dial_rounds(given: GenerationInputs) -> int:
    """Datasets, or probes of one, that the request may have made; 1 without a dial."""
    dial = given.request.dial
    return most_evaluations(dial.max_rounds, rises=knob_for(dial, given).rises) if dial else 1


def missed(dial: DialTarget, found: Dialled) -> str:
    """What happened, what it means, and what to do next."""
    reading = found.reading
    shift = f", shift {reading.shift:.4g}" if reading.shift is not None else ""
    return (
        f"{dial.metric} {dial.value:g} ± {dial.tolerance:g} was not reached: {found.missed}. "
        f"The closest dataset has {reading.value:.4g}{shift}, with {dial.knob} at {found.setting}. "
        "Ask for a value in reach, give a larger pool or other sources, or set when_missed to closest to "
        "keep this one."
    )


async def _rises(knob: Knob, evaluate: Evaluate, rows: int) -> bool:
    [low] = await evaluate(knob.low, rows, 1)
    [high] = await evaluate(knob.high, rows, 1)
    return high.value >= low.value


async def _evaluate(
    given: GenerationInputs,
    session: Session,
    measure: Measure,
    knob: Knob,
    records: dict[tuple[int, int], StageRecord],
    setting: int,
    rows: int,
    parts: int,
) -> list[Reading]:
    """Make so many rows at the setting, and measure them, in parts and whole."""
    session.status.note = f"trying {setting} on {rows} rows"
    result, record = await session.run(knob.stage(setting, rows))
    if result.short:
        raise CandidatesExhausted(result.short)
    records[setting, rows] = record
    texts = [row_text(given.request.kind, row) async for row in record.rows()]
    return [await measure(texts[: len(texts) * part // parts]) for part in range(1, parts + 1)]
