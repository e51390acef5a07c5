"""The edge between a job's workspace and the generator's domain: inputs in, sessions opened, parts out."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import uvloop

from services.generator.calls.ledger import Ledger
from services.generator.calls.parts import StoreParts
from services.generator.calls.target import Target
from services.generator.engine.record import StageRecord
from services.generator.engine.session import Places, Session, call_scope
from services.generator.errors import BadPromptTemplate, SourceRefused
from services.generator.instruments.budget import BudgetKeeper
from services.generator.settings import GeneratorSettings
from services.generator.sources.adapters import serve_adapters
from services.generator.sources.errors import Action, NoSource, Refusing, SourceError
from services.generator.strategies.prompts import BadTemplate
from services.generator.text.tokens import counter
from shared.contracts.generation.sources import SourceRef
from shared.contracts.instruments import Budget
from shared.errors import SourceUnavailable
from shared.jobs.workspace import Workspace

T = TypeVar("T")
CHECK_SECONDS = 0.25


def run_on_loop(work: Coroutine[Any, Any, T]) -> T:
    """`work` on a libuv event loop of its own: a third fewer instructions for a request than asyncio's
    loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


class GenerationJob:
    """One attempt: opens the session of a workspace, tells its progress, writes what its records hold."""

    def __init__(
        self,
        workspace: Workspace,
        settings: GeneratorSettings,
        sources: Sequence[SourceRef],
        seed: int,
        operation: str,
    ) -> None:
        self.workspace = workspace
        self._settings = settings
        self._registry = settings.registry()
        self._sources = sources
        self.targets: list[Target] = self._registry.targets(sources)
        models = [target.model for target in self.targets]
        self._scope = call_scope(models, seed, operation)
        self._shelves = [call_scope([model], seed, operation) for model in models]
        self.keep_thoughts = False
        self.keep_prompts = False
        self.output = workspace.output
        self.total = 0
        self.unit = "rows"
        self._checked = 0.0
        self._last_tokens = (time.monotonic(), 0)

    def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """`work` in a session on an event loop of its own. Raises `SourceUnavailable` when no source came
        back, `SourceRefused` when one refuses every call or one that must be answered, `BadPromptTemplate`
        when a prompt cannot be made."""
        serve_adapters(self._registry, self._sources, self.workspace.input)
        try:
            return run_on_loop(self._run(work))
        except Refusing as error:
            raise SourceRefused(str(error)) from error
        except NoSource as error:
            raise SourceUnavailable(str(error)) from error
        except SourceError as error:  # of a call that nothing can take the place of
            failed = SourceRefused if error.action is Action.GIVE_UP else SourceUnavailable
            raise failed(str(error)) from error
        except BadTemplate as error:
            raise BadPromptTemplate(str(error)) from error

    async def _run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        session = Session(
            self._registry.lanes(self._sources),
            self._places(),
            prices=self._registry.prices(self._sources),
            tick=self._tell,
            patience=self._settings.source_patience_seconds,
            keep_thoughts=self.keep_thoughts,
        )
        try:
            async with session:
                if self.keep_prompts:
                    session.ask.keep_prompts()
                return await work(session)
        finally:
            self.workspace.spending.note(session.ledger.spent())

    def spending(self, budget: Budget, ledger: Ledger) -> BudgetKeeper:
        """The budget of a job with one source."""
        [ref] = self._sources
        spec = self._registry.spec(ref)
        count = counter(spec.tokenizer) if spec.tokenizer else _bytes
        return BudgetKeeper(budget, ledger, spec.price, count, exact=spec.tokenizer is not None)

    def _places(self) -> Places:
        """Calls are kept where other artifacts of the same seed that ask any of these models find them;
        decisions in scratch."""
        store = self.workspace.store
        own = f"calls/{self._scope}/{self.workspace.artifact_id}"
        return Places(
            calls=StoreParts(store, own),
            records=StoreParts(self.workspace.scratch, "records"),
            writer=f"{self.workspace.token:06d}",
            archives=[StoreParts(store, folder) for folder in sorted(self._others() - {own})],
        )

    def _others(self) -> set[str]:
        """Folders of journals that may hold calls like ours. `calls/by-model/<model>/<scope>` says which
        sets of models had this one among them, so that adding a source pays for its own calls only."""
        store = self.workspace.store
        scopes = {self._scope}
        for shelf in self._shelves:
            store.put(f"calls/by-model/{shelf}/{self._scope}", b"", "text/plain")
            scopes |= {info.key.rpartition("/")[2] for info in store.list(f"calls/by-model/{shelf}/")}
        return {
            "/".join(info.key.split("/")[:3]) for scope in scopes for info in store.list(f"calls/{scope}/")
        }

    def _tell(self, session: Session) -> None:
        now = time.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        records = session.status.stages.values()
        accepted = sum(record.progress.accepted for record in records)
        refused = sum(record.progress.refused.total() for record in records)
        tokens = session.ledger.tokens_out()
        wanted = sum(session.status.wanted.values())
        self.workspace.spending.note(session.ledger.spent())
        note = f"paused: {session.status.paused}" if session.status.paused else session.status.note
        self.workspace.progress(
            accepted,
            max(self.total, wanted) or None,
            self.unit,
            note=note,
            ok=accepted,
            failed=refused,
            tokens=tokens,
            tokens_per_second=self._tokens_per_second(now, tokens),
            spent={currency: str(amount) for currency, amount in session.ledger.money().items()},
            in_flight=session.in_flight,
            by_stage={name: record.progress.accepted for name, record in session.status.stages.items()},
        )

    def _tokens_per_second(self, now: float, tokens: int) -> float:
        then, before = self._last_tokens
        self._last_tokens = (now, tokens)
        return round(max(0, tokens - before) / max(now - then, 1e-3), 1)

    async def write(self, name: str, records: Sequence[StageRecord], kind: str) -> int:
        """Join the committed lines of several stages into one part; returns their number."""
        count = 0
        with self.output.part(name, "application/jsonl") as file:
            for record in records:
                async for line in record.lines(kind):
                    file.write(line + b"\n")
                    count += 1
        return count


def _bytes(text: str) -> int:
    return len(text.encode())


def taken_off(records: Sequence[StageRecord]) -> dict[str, int]:
    """Answers from which something was taken off, by what it was, over all stages."""
    total: Counter[str] = Counter()
    for record in records:
        total.update(record.progress.taken)
    return dict(total)


def refused(records: Sequence[StageRecord]) -> dict[str, int]:
    """Refused candidates by reason, over all stages."""
    total: Counter[str] = Counter()
    for record in records:
        total.update(record.progress.refused)
    return dict(total)
