"""Where shards and slices are worked on: in this process, or in several on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.runners.summary import Summary
from services.metrics.lexical.runners.survey import Survey, SurveyTask, survey
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.lexical.text.texts import Texts
from services.metrics.lexical.text.tokens import Tokens

Shard = Texts | Callable[[], Texts]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Runner(Protocol):
    """Works on shards, keeping their tokens, then on slices of all their n-grams. A context manager."""

    workers: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def summaries(self, shards: Iterable[Shard], settings: LexicalSettings) -> Iterator[Summary]:
        """Each shard's summary, in order."""

    def surveys(self, tasks: Sequence[SurveyTask]) -> Iterable[Survey]:
        """What the tasks find in the tokens of all shards, in any order."""


def texts_of(shard: Shard) -> Texts:
    return shard() if callable(shard) else shard


class InProcess:
    """One after another, here, the tokens in memory."""

    workers = 1

    def __enter__(self) -> Self:
        self._tokens: list[Tokens] = []
        return self

    def __exit__(self, *error: object) -> None:
        self._tokens = []

    def summaries(self, shards: Iterable[Shard], settings: LexicalSettings) -> Iterator[Summary]:
        for shard in shards:
            summary, tokens = Summary.of(texts_of(shard), settings)
            self._tokens.append(tokens)
            yield summary

    def surveys(self, tasks: Sequence[SurveyTask]) -> Iterable[Survey]:
        return survey(self._tokens, tasks)


@dataclass(frozen=True)
class TokenFile:
    """A shard's tokens on disk, mapped into memory where they are needed."""

    folder: Path
    tokeniser: str
    seed: int

    @classmethod
    def write(cls, tokens: Tokens, folder: Path) -> Self:
        folder.mkdir()
        for name in ("hashes", "offsets", "characters", "quarters"):
            if getattr(tokens, name) is not None:
                np.save(folder / f"{name}.npy", getattr(tokens, name))
        return cls(folder, tokens.tokeniser, tokens.seed)

    def read(self) -> Tokens:
        return Tokens(
            self._column("hashes"),
            self._column("offsets"),
            self._column("characters"),
            self.tokeniser,
            self.seed,
            self._column("quarters") if (self.folder / "quarters.npy").exists() else None,
        )

    def _column(self, name: str) -> NDArray[Any]:
        return np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r"))


class LocalProcesses:
    """In `workers` processes on this machine, the tokens in files in a temporary folder.

    folder    where that folder is made; by default where the system puts temporary files
    """

    def __init__(self, workers: int, folder: Path | None = None) -> None:
        self.workers = workers
        self._parent = folder

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(dir=self._parent)
        self._pool = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))
        self._files: list[TokenFile] = []
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def summaries(self, shards: Iterable[Shard], settings: LexicalSettings) -> Iterator[Summary]:
        root = Path(self._folder.name)
        jobs = ((shard, settings, root / str(number)) for number, shard in enumerate(shards))
        for summary, file in self._in_order(_summarise, jobs):
            self._files.append(file)
            yield summary

    def surveys(self, tasks: Sequence[SurveyTask]) -> Iterable[Survey]:
        jobs = ((tuple(self._files), task) for task in tasks)
        for found in self._in_order(_survey, jobs):
            yield from found

    def _in_order(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the items' order, with no more than two items a worker taken at a time."""
        source = iter(items)
        first = islice(source, 2 * self.workers)
        waiting: list[Future[Result]] = [self._pool.submit(function, item) for item in first]
        while waiting:
            done = waiting.pop(0).result()
            waiting.extend(self._pool.submit(function, item) for item in islice(source, 1))
            yield done


def _summarise(job: tuple[Shard, LexicalSettings, Path]) -> tuple[Summary, TokenFile]:
    shard, settings, folder = job
    summary, tokens = Summary.of(texts_of(shard), settings)
    return summary, TokenFile.write(tokens, folder)


def _survey(job: tuple[tuple[TokenFile, ...], SurveyTask]) -> list[Survey]:
    files, task = job
    return survey([file.read() for file in files], [task])
