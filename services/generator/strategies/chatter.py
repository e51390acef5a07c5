"""Refuses answers that talk to whoever asked: "Sure! Here is a story about that:", "Let me know if you would
like another one."

What is refused is the whole answer, because what a model says around a text is no part of it, and where it
ends is a guess. An opening line that ends in a colon before a blank line is one in any language; the other
signs are words of the languages that models chat in most. A sign that the real rows show too (a recipe's
"Ingredients:") is none for rows like them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.generator.sources.answer import LABELS, TITLE
from services.generator.strategies.parse import Unparsable

SHARE = 0.02
"""Of the real rows, from which on a sign is part of their style."""
LONGEST = 300
"""Characters of an opening or a closing line."""
_YES = r"(?:sure(?:\ thing)?|certainly|of\ course|absolutely|okay|ok|great|got\ it|no\ problem|gladly)"
_DO = r"(?:write|create|provide|give|share|help|try|come|made|written|prepared)"
_I = (
    rf"i(?:['’](?:d|ll|ve)|\ can|\ will|\ have)\b.{{0,20}}\b{_DO}\b[^\n]{{0,200}}"
    rf"(?:[:：][\ \t*_]*\n|[.!][\ \t*_]*\n[\ \t]*\n)"
)
_HERE = rf"(?:here(?:['’]s|\ is|\ are|\ goes|\ you)\b|{_I})"
_LINE = r"[^\n]{0,200}[:：][\ \t*_]*\n"
_SIGNS = {
    "an opening line with a colon": re.compile(
        rf"\s*(?![*_#\s]*{LABELS}[\s*_]*[:：])[^\n]{{1,300}}[:：][ \t*_]*\n[ \t]*\n", re.IGNORECASE
    ),
    "an opening to whoever asked": re.compile(
        rf"""\s*(?:{_YES}\b[\ !,.:—–-]*{_HERE}
        |(?:below\ (?:is|are)|here(?:['’]s|\ is|\ are)\ (?:an?|the|your|my|some|one|another)\b){_LINE}
        |as\ (?:you\ )?requested\b|thank\ you\ for\ (?:your|the)\ (?:request|question)
        |(?:claro|por\ supuesto|bien\ sûr|voici|natürlich|gerne|klar)[!,.:\ ]{_LINE}
        |(?:当然|好的|以下是){_LINE})""",
        re.IGNORECASE | re.VERBOSE,
    ),
}
_CLOSING = re.compile(
    r"""[\s(*_"“-]*(?:(?:please\ )?let\ me\ know\b|feel\ free\ to\b|would\ you\ like\ (?:me|another|to)\b
    |do\ you\ want\ me\ to\b|i\ hope\ you\ (?:liked?|enjoy(?:ed)?|find)\b
    |(?:i\ )?hope\ (?:this|these|that|it)\ (?:helps?|is\ what|meets|works|story|text)\b
    |if\ you(?:['’]d|\ would)?\ (?:like|want|need)\b[^\n]{0,120}\b(?:me|let|ask|another|more|changes?)\b
    |(?:please\ )?note(?:\ that)?\b[:\ ].{0,120}\b(?:story|text|word|sentence|fiction|request|example)
    |\(?word\ count\b|i(?:['’]m|\ am)\ happy\ to\b|espero\ que|n['’]hésitez\ pas|j['’]espère
    |ich\ hoffe|lass\ (?:es\ )?mich\ wissen|希望(?:你|您|这)|如果(?:你|您)|如有)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
CLOSING = "a closing line to whoever asked"
SIGNS = (*_SIGNS, CLOSING)


class Chatter(Unparsable):
    """The answer talks to whoever asked; the message names the sign."""


def signs(text: str) -> list[str]:
    """The signs of chatter that an answer shows."""
    found = [name for name, sign in _SIGNS.items() if sign.match(text)]
    if _CLOSING.match(_last_line(text)):
        found.append(CLOSING)
    return found


def _last_line(text: str) -> str:
    """The last line of a text of several, where it is short enough to be an aside."""
    rest, _, last = text.rstrip().rpartition("\n")
    return last if rest and len(last) <= LONGEST else ""


def usual_signs(texts: Iterable[str]) -> frozenset[str]:
    """The signs that at least `SHARE` of the real texts show."""
    counts = dict.fromkeys(SIGNS, 0)
    total = 0
    for text in texts:
        total += 1
        for sign in signs(text):
            counts[sign] += 1
    return frozenset(sign for sign, count in counts.items() if count > SHARE * total)


def have_titles(real: Sequence[str]) -> bool:
    """Whether titles in markdown are part of the real rows' style."""
    return sum(TITLE.match(text) is not None for text in real) > SHARE * len(real)


def without_chatter(
    parse: Callable[[str, str], Mapping[str, Any]], real: Iterable[str]
) -> Callable[[str, str], dict[str, Any]]:
    """`parse`, which raises `Chatter` first for an answer with signs that the real texts do not show."""
    usual = usual_signs(real)

    def checked(text: str, context_id: str) -> dict[str, Any]:
        for sign in signs(text):
            if sign not in usual:
                raise Chatter(sign)
        return dict(parse(text, context_id))

    return checked
