"""A few candidates of a request, with their very prompts: nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence

from services.generator.calls.call import Answer, Call
from services.generator.engine.asking import Pay
from services.generator.engine.session import Session
from services.generator.engine.stage import Reject, Stage
from services.generator.sources.errors import SourceError
from shared.contracts.generation.previews import Preview, PreviewedCandidate


async def preview(stages: Sequence[Stage], session: Session, samples: int) -> Preview:
    """The first `samples` candidates of each stage, asked and judged. Raises `NoSource`."""
    shown: list[PreviewedCandidate] = []
    for stage in stages:
        for number in range(min(samples, stage.max_candidates)):
            shown.append(await _try(stage, session, number))  # noqa: PERF401  # one after another is the point
    return Preview(candidates=shown, tokens=session.ledger.tokens_out())


async def _try(stage: Stage, session: Session, number: int) -> PreviewedCandidate:
    exchanged: list[tuple[Call, Answer]] = []

    async def ask(call: Call, pay: Pay | None = None) -> Answer:
        answer = await session.ask(call, pay)
        exchanged.append((call, answer))
        return answer

    refused: list[str] = []
    rows: list[dict[str, object]] = []
    try:
        for outcome in await stage.candidate(number, ask, 0):
            objection = outcome if isinstance(outcome, Reject) else stage.judge(outcome)
            if objection is not None:
                refused.append(f"{objection.reason}: {objection.detail}")
            elif not isinstance(outcome, Reject):
                stage.accepted(outcome)
                rows.append({**outcome.row, "origin": outcome.origin})
    except SourceError as error:
        refused.append(str(error))
    return PreviewedCandidate(
        stage=stage.name,
        prompt="\n\n———\n\n".join(_shown(call) for call, _ in exchanged),
        answer="\n\n———\n\n".join(answer.text for _, answer in exchanged),
        rows=rows,
        refused=refused,
    )


def _shown(call: Call) -> str:
    if isinstance(call.prompt, str):
        return call.prompt
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in call.prompt)
