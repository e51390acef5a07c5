"""Generation: topics, synthetic rows, and language models as instruments (cluster-agent, judges).

W = arXiv 2506.19262, C = arXiv 2410.15226, E = arXiv 2511.01490. Defaults are theirs where they state one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.datasets import DatasetKind

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
LongText = Annotated[str, StringConstraints(max_length=20_000)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]

W_TOPIC_COUNTS = (20, 100, 300, 1_000, 3_000, 6_000, 10_000)
"""Topics of Gen-D0..D6 (W, story completion)."""
W_REPLACED = (30, 25, 20, 15, 10, 5, 0)
"""Generated pairs per context replaced by paraphrases in Gen-D0..D6 (W, question answering)."""


class SourceRef(Contract):
    """A source registered with the generator, and the model that the result is to come from."""

    name: Name
    model: str | None = Field(
        default=None,
        max_length=200,
        description="The model's name. Stated, it is part of the artifact's identity, and a source that "
        "serves another one is refused; the gateway fills it in from the registry.",
    )
    revision: str | None = Field(default=None, max_length=200, description="Like `model`: its revision.")
    adapter: ArtifactId | None = Field(
        default=None,
        description="A trained adapter (`train` makes one on this very model): the source's server loads it, "
        "and it answers in the model's place.",
    )
    weight: float = Field(default=1.0, gt=0, le=1e6, description="Share of the rows, relative to the others.")


def adapters_of(refs: Mapping[str, SourceRef]) -> dict[str, str]:
    """The adapters among a request's inputs, by the role of their source."""
    return {f"{role}/adapter": ref.adapter for role, ref in refs.items() if ref.adapter is not None}


Sources = Annotated[list[SourceRef], Field(min_length=1, max_length=64)]


class Format(StrEnum):
    """Which of the bundled prompt templates: for models that follow instructions, or that continue text."""

    INSTRUCT = "instruct"
    PLAIN = "plain"


class LengthMatch(StrEnum):
    OFF = "off"
    RANGE = "range"
    DISTRIBUTION = "distribution"


class LengthUnit(StrEnum):
    """What lengths are counted in. The summary's `lengths_counted_in` says which it was."""

    AUTO = "auto"
    """`tokenizer` where the first source has one registered, else `words`."""
    TOKENIZER = "tokenizer"
    """Tokens by the first source's tokenizer.json: one yardstick for all rows, whoever wrote them."""
    REPORTED = "reported"
    """Tokens that the server says it wrote (`usage.completion_tokens`: the end mark is one of them). The
    examples are counted by the server too (`POST /tokenize`, as vLLM has it)."""
    WORDS = "words"


class LengthRule(Contract):
    """Token counts matched to the seeds (W: the prompt asks for it; ours: acceptance enforces it too).

    `range` refuses rows outside the 1 %–99 % quantiles of the examples, widened by `slack`; `distribution`
    also fills quotas, so that the accepted lengths are spread like the examples'; `off` only asks in the
    prompt. W does not say whose tokens: `unit` does.
    """

    match: LengthMatch = LengthMatch.RANGE
    unit: LengthUnit = Field(
        default=LengthUnit.AUTO,
        description="`tokenizer`: the first source's own tokens; `reported`: those that the server says it "
        "wrote, where the answer is the row (not for pairs and passages); `words` (characters, where the "
        "examples are of a script that puts no spaces between words); `auto`: `tokenizer` where one is "
        "registered, else `words`.",
    )
    slack: float = Field(default=0.25, ge=0, le=4)
    bins: int = Field(default=4, ge=1, le=32, description="`distribution`: bins of equal share.")


class Acceptance(Contract):
    """What refuses a candidate. Refused candidates are kept in the artifact with the reason."""

    length: LengthRule = LengthRule()
    near_duplicate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Refuse rows whose word-trigram Jaccard similarity with an accepted row is at least this "
        "(estimated with 64 MinHash permutations); 1.0: only exact repetitions; null: none (the papers').",
    )
    refusals: bool = Field(default=True, description="Refuse answers in which the model declines.")
    held_out: ArtifactId | None = Field(
        default=None, description="A dataset no row may share a word sequence with, such as the test set."
    )
    held_out_words: int = Field(
        default=8,
        ge=3,
        le=50,
        description="Length of that sequence, in words. Where no spaces are written, two letters of Chinese "
        "or Japanese are taken for a word, and four of Thai, Lao, Burmese or Khmer.",
    )


class Templates(Contract):
    """Prompt templates of the caller's own (Jinja, sandboxed). What is left out is the bundled one."""

    system: LongText | None = None
    prompt: LongText | None = None
    paraphrase: LongText | None = Field(
        default=None, description="Strategy `paraphrase`: the rewriting prompt."
    )


class TopicsRequest(JobRequest):
    """Make a pool of exactly `count` distinct topics (W: 10,000)."""

    operation: ClassVar[str] = "topics"
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.TOPICS
    queue: ClassVar[Queue] = Queue.GENERATE

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
    temperature: float = Field(default=1.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1, le=131_072)
    max_candidates: int | None = Field(
        default=None, ge=1, le=10**8, description="Calls at most; null: 20 × needed."
    )
    seed: Seed = 0

    def inputs(self) -> dict[str, str]:
        examples = {"examples": self.examples} if self.examples else {}
        return examples | adapters_of({"source": self.source})


class Strategy(StrEnum):
    TOPIC_GUIDED = "topic_guided"
    PARAPHRASE = "paraphrase"
    ANSWERS = "answers"
    STYLES = "styles"


class TopicOrder(StrEnum):
    RANDOM = "random"
    BALANCED = "balanced"


class ParaphraseRule(Contract):
    """W's paraphrase augmentation of long-context question answering.

    Per context K pairs are generated; r = m_r / m_p of them are each written anew m_p times, and these m_r
    paraphrases take the place of m_r generated pairs. Eq. 3 of W keeps K only if the r source pairs are
    themselves among those that give way (Gen-D0: 6 questions × 5 paraphrases): so it is here, K is always
    kept. The question is paraphrased; its answer stays.
    """

    per_context: int = Field(default=30, ge=1, le=1_000, description="K, pairs for each context.")
    paraphrases: int = Field(default=5, ge=1, le=100, description="m_p, paraphrases of each chosen pair.")
    replaced: int = Field(default=0, ge=0, le=1_000, description="m_r, pairs that give way; 0: none (D6).")
    paraphrase_of: Literal["generated", "real"] = Field(
        default="generated",
        description="What is paraphrased: generated pairs (W eq. 3) or the real ones (W eq. 1).",
    )

    @model_validator(mode="after")
    def _groups_are_whole(self) -> Self:
        check_replaced(self, self.replaced)
        return self


def check_replaced(rule: ParaphraseRule, replaced: int) -> None:
    """Raises ValueError unless `replaced` pairs are whole groups of paraphrases and leave K as it is."""
    if replaced > rule.per_context or replaced % rule.paraphrases:
        raise ValueError(
            f"replaced ({replaced}) must be a multiple of paraphrases ({rule.paraphrases}) and at most "
            f"per_context ({rule.per_context})"
        )


class AnswerRule(Contract):
    """E's answers to given prompts."""

    assign: Literal["single", "chunk", "weight"] = Field(
        default="single",
        description="`single`: the first source answers all; `chunk`: one contiguous part for each source; "
        "`weight`: each prompt's source is drawn with the sources' weights.",
    )
    system: str | None = Field(default="You are a helpful assistant.", max_length=20_000, description="E's.")
    keep_cut: bool = Field(
        default=True, description="Whether an answer that max_tokens cut is kept (E's limit, 1024, is a cap)."
    )


class StyleTemplate(StrEnum):
    TOPIC = "topic"
    STYLES = "topic_styles"
    PERSONA = "topic_styles_persona"
    MULTI_TOPIC = "multi_topic_styles_persona"


class StyleRule(Contract):
    """C's prompt templates: passages and a multiple-choice question, as structured output."""

    template: StyleTemplate = StyleTemplate.TOPIC
    styles: list[ShortText] = Field(
        default=["textbook narrative", "textbook academic", "blog post", "wikihow"],
        min_length=1,
        max_length=100,
    )
    personas: list[ShortText] = Field(default=[], max_length=100_000, description="Empty: the bundled ones.")
    topics_per_prompt: int = Field(default=3, ge=2, le=20, description="Multi-topic only.")
    passages: tuple[int, int] = Field(default=(3, 5), description="Fewest and most passages in an answer.")
    structured: bool = Field(
        default=True, description="Whether the server is made to keep to the JSON schema (vLLM, OpenAI)."
    )

    @model_validator(mode="after")
    def _passages_are_a_range(self) -> Self:
        fewest, most = self.passages
        if not 1 <= fewest <= most <= 100:
            raise ValueError(f"passages ({fewest} to {most}) must be a range within 1 to 100")
        return self


class Level(Contract):
    """One dose of diversity. What is left out is the request's own value."""

    name: Name
    topic_count: int | None = Field(default=None, ge=1, le=1_000_000)
    replaced: int | None = Field(default=None, ge=0, le=1_000)


def w_levels(strategy: Strategy) -> list[Level]:
    """Gen-D0..D6 as W has them: topic counts for topic-guided rows, replaced pairs for paraphrased ones."""
    if strategy is Strategy.PARAPHRASE:
        return [Level(name=f"Gen-D{i}", replaced=replaced) for i, replaced in enumerate(W_REPLACED)]
    return [Level(name=f"Gen-D{i}", topic_count=count) for i, count in enumerate(W_TOPIC_COUNTS)]


class DialMetric(StrEnum):
    DISTINCT_5 = "distinct_5"
    VENDI = "vendi"
    SELF_BLEU = "self_bleu"


class ShiftBudget(Contract):
    metric: Name = "js_unigram"
    at_most: float = Field(ge=0)


class DialTarget(Contract):
    """The diversity that the dataset is to have; the controller moves `knob` between rounds to reach it."""

    metric: DialMetric = DialMetric.DISTINCT_5
    value: float
    tolerance: float = Field(default=0.01, gt=0)
    knob: Literal["topic_count", "replaced", "weights"] = "topic_count"
    shift: ShiftBudget | None = Field(default=None, description="Needs `examples` as the real reference.")
    max_rounds: int = Field(default=16, ge=2, le=200, description="Probes and full datasets together.")
    when_missed: Literal["fail", "closest"] = Field(
        default="fail",
        description="What to do when the target cannot be reached: end the job with the reason, or keep the "
        "closest dataset, whose summary says that and why it missed.",
    )
    probe_rows: int = Field(
        default=200,
        ge=20,
        le=100_000,
        description="Rows made and measured at a setting before it is trusted.",
    )


class GenerationRequest(JobRequest):
    """Make a dataset of exactly `rows` accepted rows."""

    operation: ClassVar[str] = "generate"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.GENERATE

    kind: DatasetKind
    strategy: Strategy = Strategy.TOPIC_GUIDED
    rows: int | None = Field(
        default=None, ge=1, le=100_000_000,
        description="Exactly this many are accepted. Null where it follows: `paraphrase` makes K for each "
        "context, `answers` one for each prompt. With `levels`: for each of them.",
    )  # fmt: skip
    max_candidates: int | None = Field(
        default=None,
        ge=1,
        le=10**9,
        description="Candidates tried at most; null: 4 × rows + 100. "
        "`answers` and `paraphrase` have no such limit: each prompt or pair is tried 4 times.",
    )
    task: str = Field(
        default="short stories",
        min_length=1,
        max_length=2_000,
        description="What is generated, for the prompt.",
    )
    topics: ArtifactId | None = None
    topic_count: int | None = Field(
        default=None, ge=1, le=1_000_000,
        description="How many topics of the pool (m_t). A smaller level's topics are among a larger one's. "
        "Null: all.",
    )  # fmt: skip
    topic_order: TopicOrder = Field(
        default=TopicOrder.RANDOM,
        description="`random`: each prompt draws one (W); `balanced`: each topic as often as any other (C).",
    )
    examples: ArtifactId | None = Field(
        default=None,
        description="The real dataset whose rows are the few-shot seeds, and whose lengths are matched.",
    )
    examples_per_prompt: int = Field(default=3, ge=0, le=50)
    sentences: int | None = Field(
        default=5, ge=2, le=100,
        description="Kind `completion`: a candidate is a text of this many sentences (W's stories: five); "
        "the last one is the completion, those before it the context. Null: it has as many, and is divided "
        "where, most of the examples are.",
    )  # fmt: skip
    prompts: ArtifactId | None = Field(default=None, description="`answers`: the dataset of prompts.")
    paraphrase: ParaphraseRule = ParaphraseRule()
    answers: AnswerRule = AnswerRule()
    styles: StyleRule = StyleRule()
    levels: list[Level] = Field(
        default=[], max_length=64,
        description="Several doses in one dataset: `rows` for each, its name in the column `level`.",
    )  # fmt: skip
    dial: DialTarget | None = None
    sources: Sources
    format: Format = Format.INSTRUCT
    structured: bool = Field(
        default=False,
        description="Kind `qa`, strategies `topic_guided` and `paraphrase`: whether the server is made to "
        "keep to a JSON schema (vLLM, OpenAI), for models that do not keep to the form by themselves.",
    )
    templates: Templates = Templates()
    temperature: float = Field(default=0.7, ge=0, le=2, description="0.7: W and E.")
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1, le=131_072)
    acceptance: Acceptance = Acceptance()
    seed: Seed = 0

    def inputs(self) -> dict[str, str]:
        named = {
            "topics": self.topics,
            "examples": self.examples,
            "prompts": self.prompts,
            "acceptance/held_out": self.acceptance.held_out,
        }
        found = {role: artifact for role, artifact in named.items() if artifact is not None}
        return found | adapters_of({f"sources/{n}": ref for n, ref in enumerate(self.sources)})

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needs = {
            Strategy.TOPIC_GUIDED: ("topics", "rows"),
            Strategy.PARAPHRASE: ("examples",),
            Strategy.ANSWERS: ("prompts",),
            Strategy.STYLES: ("topics", "rows"),
        }[self.strategy]
        missing = [name for name in needs if getattr(self, name) is None]
        if missing:
            raise ValueError(f"strategy {self.strategy} needs {' and '.join(missing)}")
        if self.strategy is Strategy.PARAPHRASE and self.kind is not DatasetKind.QA:
            raise ValueError("strategy paraphrase makes question-answer pairs: kind must be qa")
        if self.strategy is Strategy.PARAPHRASE and self.rows and self.rows % self.paraphrase.per_context:
            raise ValueError(f"rows must be a multiple of per_context ({self.paraphrase.per_context})")
        if self.kind is DatasetKind.QA and self.strategy is Strategy.TOPIC_GUIDED and self.examples is None:
            raise ValueError("kind qa needs examples: the dataset whose contexts are asked about")
        if self.structured and (self.kind is not DatasetKind.QA or self.strategy is Strategy.ANSWERS):
            raise ValueError("structured is for question-answer pairs: kind qa, topic_guided or paraphrase")
        if self.strategy is Strategy.ANSWERS and self.kind is DatasetKind.TEXT:
            raise ValueError("strategy answers makes prompts with answers: kind must be completion or qa")
        if self.strategy is Strategy.STYLES and self.kind is not DatasetKind.TEXT:
            raise ValueError("strategy styles makes passages: kind must be text")
        whole = self.strategy is Strategy.ANSWERS or (
            self.strategy is Strategy.TOPIC_GUIDED and self.kind is not DatasetKind.QA
        )
        if self.acceptance.length.unit is LengthUnit.REPORTED and not whole:
            raise ValueError(
                "acceptance.length.unit reported counts whole answers, and here a row is a part of one: "
                "count by tokenizer or words"
            )
        if self.sentences is None and self.kind is DatasetKind.COMPLETION and self.examples is None:
            raise ValueError("without sentences, examples are needed that show how many there are")
        if self.max_candidates is not None and self.strategy in (Strategy.ANSWERS, Strategy.PARAPHRASE):
            raise ValueError(f"strategy {self.strategy} tries each prompt or pair 4 times: no max_candidates")
        if self.max_candidates is not None and self.rows is not None and self.max_candidates < self.rows:
            raise ValueError(
                f"max_candidates ({self.max_candidates}) are too few for {self.rows} rows: each makes one"
            )
        if self.dial is not None and self.levels:
            raise ValueError(
                "dial and levels exclude each other: the dial finds one dose, levels state several"
            )
        for level in self.levels:
            if level.replaced is not None:
                check_replaced(self.paraphrase, level.replaced)
        sources = [(source.name, source.adapter) for source in self.sources]
        if len(set(sources)) < len(sources):
            raise ValueError("a source is named twice: give it one entry, with a weight")
        names = [level.name for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError("two levels have the same name")
        return self


class PreviewRequest(Contract):
    """Something that could be generated, asked about before it is: exactly one of the two requests."""

    topics: TopicsRequest | None = None
    generation: GenerationRequest | None = None
    samples: int = Field(default=3, ge=1, le=16, description="Preview: candidates to try.")

    @model_validator(mode="after")
    def _is_one_request(self) -> Self:
        if (self.topics is None) == (self.generation is None):
            raise ValueError("exactly one of topics and generation is needed")
        return self

    @property
    def request(self) -> TopicsRequest | GenerationRequest:
        request = self.topics or self.generation
        assert request is not None
        return request


class GenerationPlan(PreviewRequest):
    """The same with the project that holds its artifacts: the gateway fills it in, from the caller's key."""

    project: Name = "default"


class Range(Contract):
    """An estimate and the bounds between which it is expected to fall."""

    expected: float
    low: float
    high: float


class Estimate(Contract):
    """What a generation would take. `assumptions` say where the ranges come from."""

    calls: Range
    tokens_in: Range
    tokens_out: Range
    seconds: Range
    money: dict[str, Range] = Field(description="By currency.")
    tokens_counted_by: str
    assumptions: list[str]


class PreviewedCandidate(Contract):
    """One candidate: the very prompt, the answer, and what became of it."""

    stage: str
    prompt: str
    answer: str
    rows: list[dict[str, object]] = Field(description="Accepted rows (or topics).")
    refused: list[str] = Field(description="Reason and detail of each refusal.")


class Preview(Contract):
    candidates: list[PreviewedCandidate]
    tokens: int = Field(default=0, description="Written by the sources for it.")


class SourceInfo(Contract):
    """A registered source, without its address and key."""

    name: str
    model: str
    revision: str
    api: Literal["completions", "chat"]
    price_in: str = Field(description="Per million tokens.")
    price_out: str = Field(description="Per million tokens.")
    currency: str
