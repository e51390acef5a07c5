"""A few candidates of a request, with their very prompts: nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.generator.calls.call import Answer, Call
from services.generator.engine.asking import Pay
from services.generator.engine.session import Session
from services.generator.engine.stage import Reject, Stage
from services.generator.sources.errors import NoSource, Refusing, SourceError
from shared.contracts.generation.previews import Preview, PreviewedCandidate

SECONDS = 50.0
"""For all candidates together."""


async def preview(stages: Sequence[Stage], session: Session, samples: int) -> Preview:
    """The first `samples` candidates of each stage, asked and judged. Where its source fails, a candidate
    shows its prompt and what the source said."""
    shown: list[PreviewedCandidate] = []
    end = asyncio.get_running_loop().time() + SECONDS
    for stage in stages:
        for number in range(min(samples, stage.max_candidates)):
            shown.append(await _try(stage, session, number, end))  # noqa: PERF401  # one after another is the point
    return Preview(candidates=shown, tokens=session.ledger.tokens_out())


async def _try(stage: Stage, session: Session, number: int, end: float) -> PreviewedCandidate:
    asked: list[Call] = []
    answered: list[Answer] = []

    async def ask(call: Call, pay: Pay | None = None) -> Answer:
        asked.append(call)
        answer = await session.ask(call, pay)
        answered.append(answer)
        return answer

    refused: list[str] = []
    rows: list[dict[str, object]] = []
    try:
        async with asyncio.timeout_at(end):
            outcomes = await stage.candidate(number, ask, 0)
        for outcome in outcomes:
            objection = outcome if isinstance(outcome, Reject) else stage.judge(outcome)
            if objection is not None:
                refused.append(f"{objection.reason}: {objection.detail}")
            elif not isinstance(outcome, Reject):
                stage.accepted(outcome)
                rows.append({**outcome.row, "origin": outcome.origin})
    except (SourceError, NoSource, Refusing) as error:
        refused.append(str(error))
    except TimeoutError:
        refused.append(f"no answer within the {SECONDS:g} s of a preview")
    return PreviewedCandidate(
        stage=stage.name,
        prompt="\n\n———\n\n".join(_shown(call) for call in asked),
        answer="\n\n———\n\n".join(answer.raw or answer.text for answer in answered),
        rows=rows,
        refused=refused,
    )


def _shown(call: Call) -> str:
    if isinstance(call.prompt, str):
        return call.prompt
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in call.prompt)
