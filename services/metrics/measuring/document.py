"""`docs/measures.md`, from what the metrics declare of themselves: `make measures`."""

from __future__ import annotations

from shared.contracts.measurement import ABOUT, Family

HEAD = """# Measures

Made by `make measures` from `shared/contracts/measurement/metrics.py`, where a metric is declared. How to ask
for them, how to read a value and what the methods are: [measuring](measuring.md). **Bold** ones are what
`default` stands for (shifts where there is a reference, and `contamination` where there is a test set). *And
no shift*: beside the value stands what rows give whose sides were dealt out again at random, and the excess
over it.
"""


def document() -> str:
    """The page: a table for each family."""
    parts = [HEAD]
    for family in Family:
        rows = [
            f"| {'**' * about.usual}`{metric}`{'**' * about.usual} | {about.what} | {about.interval} |"
            for metric, about in ABOUT.items()
            if about.family is family
        ]
        title = family.value[:1].upper() + family.value[1:]
        parts.append(
            "\n".join([f"## {title}", "", "| metric | what | interval |", "|---|---|---|", *rows, ""])
        )
    return "\n".join(parts)


if __name__ == "__main__":
    print(document(), end="")
