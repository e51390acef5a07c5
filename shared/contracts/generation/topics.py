"""Topic pools."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import ArtifactId, ArtifactKind, JobRequest, Queue
from shared.contracts.fields import Sampling, Seed
from shared.contracts.generation.fields import ShortText
from shared.contracts.generation.limits import FEWEST_TOPIC_CALLS, TOPIC_CALLS_FACTOR
from shared.contracts.generation.prompts import Format, Templates
from shared.contracts.generation.results import TopicsSummary
from shared.contracts.generation.sources import SourceRef, adapters_of


class TopicsRequest(JobRequest, Sampling):
    """Make a pool of exactly `count` distinct topics (W: 10,000)."""

    operation: ClassVar[str] = "topics"
    version: ClassVar[int] = 4
    produces: ClassVar[ArtifactKind] = ArtifactKind.TOPICS
    queue: ClassVar[Queue] = Queue.GENERATE
    result: ClassVar[type[TopicsSummary]] = TopicsSummary

    source: SourceRef
    count: int = Field(default=10_000, ge=1, le=1_000_000)
    task: str = Field(default="short stories", min_length=1, max_length=2_000, description="Topics for what.")
    seeds: list[ShortText] = Field(
        default=[], max_length=100_000, description="Topics known already: shown as examples, kept first."
    )
    keep_seeds: bool = Field(default=False, description="Whether the seeds are themselves in the pool.")
    hierarchy: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="First this many broad areas, then topics within each; 0: flat.",
    )
    examples: ArtifactId | None = Field(
        default=None,
        description="A dataset of real rows: a few are shown in each prompt, so that the topics suit them.",
    )
    examples_per_prompt: int = Field(default=3, ge=1, le=50)
    per_call: int = Field(default=20, ge=1, le=200, description="Topics asked for in one call.")
    shown: int = Field(default=3, ge=0, le=100, description="Known topics shown in each prompt.")
    near_duplicate: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Character-trigram Jaccard similarity of topics that are the same.",
    )
    max_words: int = Field(
        default=12,
        ge=1,
        le=100,
        description="Of a topic. Where no spaces are written, two letters of Chinese or Japanese are taken "
        "for a word, and four of Thai, Lao, Burmese or Khmer.",
    )
    format: Format = Format.INSTRUCT
    templates: Templates = Templates()
    max_candidates: int | None = Field(
        default=None,
        ge=1,
        le=10**8,
        description=f"Calls at most; null: {TOPIC_CALLS_FACTOR} × needed, and no fewer than "
        f"{FEWEST_TOPIC_CALLS}.",
    )
    seed: Seed = 0

    def input_artifacts(self) -> dict[str, str]:
        examples = {"examples": self.examples} if self.examples else {}
        return examples | adapters_of({"source": self.source})
