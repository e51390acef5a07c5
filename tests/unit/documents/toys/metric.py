"""`questions`: the share of texts that ask something."""

from __future__ import annotations

from tests.unit.documents.toys import Toy

DECLARED = """    QUESTIONS = (
        "questions",
        About(
            Family.LEXICAL,
            "The share of texts that end with a question mark",
            BINOMIAL,
            {"question_share": "questions"},
        ),
    )
"""

MEASURE = '''"""How much of a dataset asks something."""

from __future__ import annotations

from collections.abc import Iterator

from services.metrics.intervals.shares import share_interval
from services.metrics.measuring.subject import Subject
from services.metrics.measuring.values import measured
from shared.contracts.measurement import MeasuredValue


def questions(subject: Subject) -> Iterator[MeasuredValue]:
    """The share of texts whose last character is a question mark."""
    texts = subject.dataset.texts.to_pylist()
    asked = sum(text.rstrip().endswith("?") for text in texts)
    yield measured(
        "question_share",
        asked / len(texts),
        {"equation": "texts that end with ? / texts"},
        share_interval(asked, len(texts), level=subject.options.level),
    )
'''

PROGRAM = """
import sys
from pathlib import Path

from services.metrics.operations.handlers import handlers
from services.metrics.measuring.document import document
from services.metrics.reporting.table import TITLES
from services.metrics.settings import MetricsSettings
from shared.contracts.measurement import MeasurementRequest
from shared.testing import Bench

bench = Bench(Path(sys.argv[1]), sys.argv[2], handlers(MetricsSettings()))
dataset = bench.dataset([{"text": text} for text in ("Who?", "A cat.", "Why so?", "A dog.")])
asked = {"dataset": dataset, "metrics": ["questions"], "pictures": False}
made = bench.make(MeasurementRequest.model_validate(asked))
[value] = made.json("measurement.json")["values"]
documented = "`questions`" in document()
print(value["value"], value["interval"]["method"], TITLES["question_share"], documented)
"""

QUESTIONS = Toy(
    checklist="Add a metric",
    name="questions",
    service="metrics",
    new={"services/metrics/measuring/questions.py": MEASURE},
    added={
        "shared/contracts/measurement/metrics.py": (("    HDD = ", DECLARED),),
        "services/metrics/measuring/measure.py": (
            (
                "from services.metrics.measuring.subject import Subject\n",
                "from services.metrics.measuring.questions import questions\n",
            ),
            ("    Metric.HDD: ", "    Metric.QUESTIONS: questions,\n"),
        ),
    },
    made=("docs/measures.md",),
    program=PROGRAM,
    said="0.5 exact_binomial questions True",
)
