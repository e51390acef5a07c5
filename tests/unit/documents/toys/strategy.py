"""`unguided`: texts without a topic, each prompt the task alone."""

from __future__ import annotations

from tests.unit.documents.toys import Toy

STAGE = '''"""The task alone, with another seed each time: what a model writes when nothing makes it vary."""

from __future__ import annotations

from collections.abc import Sequence

from services.generator.calls.call import Call, Params
from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import Draft, Filter, Reject, Sample, Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.common import draft_of
from services.generator.strategies.parse import text_row
from services.generator.strategies.prompts import Prompts

VARIABLES = frozenset({"task"})


class Unguided(Stage):
    def __init__(
        self,
        name: str,
        wanted: int,
        max_candidates: int,
        targets: Targets,
        params: Params,
        prompts: Prompts,
        task: str,
        seed: int,
        filters: Sequence[Filter],
    ) -> None:
        self.name, self.wanted, self.max_candidates, self.filters = name, wanted, max_candidates, filters
        self._targets, self._params, self._prompts = targets, params, prompts
        self._task, self._seed = task, seed

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        call = self._call(number)
        return [draft_of(call, await ask(call), text_row, lambda row: str(row["text"]))]

    def _call(self, number: int) -> Call:
        chance = Chance(self._seed, "unguided", number)
        target = self._targets.draw(chance)
        prompt = self._prompts.render({"task": self._task}, chat=target.chat)
        return target.call(prompt, self._params, chance.call_seed)

    def outline(self, samples: int) -> Sequence[Sample]:
        count = min(samples, self.wanted)
        return [Sample(self._call(number), self.wanted / count) for number in range(count)]
'''

BUILDER = '''"""The stage of one level of texts without a topic, from its request and inputs."""

from __future__ import annotations

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.engine.stage import Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.unguided import VARIABLES, Unguided
from shared.contracts.generation.strategies import Level


def unguided_stage(given: GenerationInputs, level: Level) -> Stage:
    request = given.request
    assert request.rows is not None
    return Unguided(
        level.name or "rows",
        request.rows,
        given.max_candidates(request.rows),
        Targets(given.targets),
        given.params(),
        given.prompts("unguided", VARIABLES),
        request.task,
        request.seed,
        given.filters(request.rows),
    )
'''

PROGRAM = """
import sys
from pathlib import Path

from services.generator.settings import GeneratorSettings
from services.generator.operations.handlers import handlers
from shared.contracts.generation.request import GenerationRequest
from shared.testing import Bench

folder, redis_url, source, model = Path(sys.argv[1]), *sys.argv[2:]
settings = GeneratorSettings(sources={"small": {"base_url": source, "model": model, "api": "chat"}})
bench = Bench(folder, redis_url, handlers(settings))
request = GenerationRequest.model_validate(
    {
        "kind": "text", "strategy": "unguided", "rows": 5, "sources": [{"name": "small", "model": model}],
        "acceptance": {"length": {"match": "off"}},
    }
)
made = bench.make(request)
print(made.summary["rows"], all(row["text"] for row in made.rows()))
"""

UNGUIDED = Toy(
    checklist="Add a strategy",
    name="unguided",
    service="generator",
    new={
        "services/generator/strategies/unguided.py": STAGE,
        "services/generator/datasets/unguided.py": BUILDER,
        "services/generator/templates/instruct/unguided.j2": "Write {{ task }}.\n",
        "services/generator/templates/plain/unguided.j2": "{{ task }}:\n",
    },
    added={
        "shared/contracts/generation/strategies.py": (
            ("\n\nclass TopicOrder", '    UNGUIDED = "unguided"\n'),
        ),
        "shared/contracts/generation/request.py": (
            ("        }[self.strategy]", '            Strategy.UNGUIDED: ("rows",),\n'),
        ),
        "services/generator/datasets/rows.py": (
            (
                "from services.generator.engine.stage import",
                "from services.generator.datasets.unguided import unguided_stage\n",
            ),
            ("    Strategy.STYLES: styles_stage,\n", "    Strategy.UNGUIDED: unguided_stage,\n"),
        ),
    },
    program=PROGRAM,
    said="5 True",
)
