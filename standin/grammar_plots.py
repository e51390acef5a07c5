"""What a plot is: five sentences, every sentence with a few wordings.

Slots come from the hero (`{name}`, `{he}`, `{him}`, `{his}`), the topic (`{topic}`, `{a_topic}`), the topic's
category (`{place}`, `{role}`, `{tool}`, `{deed}`, `{deed2}`, `{trouble}`, `{prize}`) and the shared words.
A plot keeps its wording to itself, so knowing four sentences says a lot about the fifth.
"""

from __future__ import annotations

Wordings = tuple[str, ...]
Plot = tuple[Wordings, Wordings, Wordings, Wordings, Wordings]
