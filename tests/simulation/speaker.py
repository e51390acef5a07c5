"""What the simulated model says: a pure function of prompt, seed and temperature.

It follows the forms that the bundled templates ask for (a list of topics, a text of so many sentences, a
question with its answer, a rating, JSON after a schema), so that a whole recipe can be rehearsed with it.
Words come from a vocabulary that depends on the topic: more topics give more distinct text, as with a real
model.
"""

from __future__ import annotations

import random
import re
from hashlib import blake2b
from typing import Any

_ONSETS = [
    "b",
    "br",
    "c",
    "ch",
    "cl",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "sh",
    "sl",
    "st",
    "t",
    "th",
    "tr",
    "v",
    "w",
]
_NUCLEI = ["a", "ai", "e", "ea", "ee", "i", "o", "oa", "oo", "ou", "u"]
_CODAS = [
    "b",
    "d",
    "ff",
    "g",
    "ck",
    "l",
    "ll",
    "m",
    "n",
    "nd",
    "ng",
    "p",
    "r",
    "rk",
    "s",
    "sh",
    "st",
    "t",
    "x",
]
_COMMON = [
    "the",
    "a",
    "of",
    "and",
    "in",
    "to",
    "was",
    "with",
    "it",
    "for",
    "on",
    "as",
    "by",
    "from",
    "that",
    "had",
    "one",
    "all",
    "then",
    "so",
]
_TOPIC = re.compile(
    r"^(?:Topic: (?P<plain>.+)"
    r"|Write (?:an? |one of these: ).+? about (?P<text>.+?)(?:, in (?:exactly|about) \d+ \w+.*)?\."
    r"|Write one new question about the text above, on (?P<pair>.+), and its answer, .*)$",
    re.M,
)
_COUNT = re.compile(r"(?:exactly|in about) (\d+) sentences|[Ll]ist (\d+)")
_LENGTH = re.compile(r"about (\d+) (?:words|tokens)")


def digest(*parts: object) -> int:
    return int.from_bytes(blake2b("\x00".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def invented_word(rng: random.Random) -> str:
    syllables = rng.choice((1, 2, 2, 3))
    return "".join(rng.choice(_ONSETS) + rng.choice(_NUCLEI) for _ in range(syllables)) + rng.choice(_CODAS)


class Speaker:
    """One answer's voice: `rng` is its chance, `words` the vocabulary of its topic."""

    def __init__(self, prompt: str, seed: int, temperature: float, vocabulary: int = 40) -> None:
        chance = seed if temperature > 0 else 0
        self.rng = random.Random(digest(prompt, chance))
        self.prompt = prompt
        topics = list(_TOPIC.finditer(prompt))
        self.topic = next(filter(None, topics[-1].groups()), "") if topics else ""
        source = random.Random(digest("vocabulary", self.topic))
        self.words = [invented_word(source) for _ in range(vocabulary)]

    def sentence(self, length: int) -> str:
        words = [
            self.rng.choice(_COMMON) if self.rng.random() < 0.4 else self.rng.choice(self.words)
            for _ in range(max(3, length))
        ]
        return " ".join(words).capitalize() + "."

    def story(self, count: int, length: int) -> str:
        each = max(3, length // count)
        texts = [self.sentence(each + self.rng.randint(-2, 2)) for _ in range(count)]
        if self.topic:
            texts[0] = f"This is about {self.topic}: {texts[0].lower()}"
        return " ".join(texts)

    def topics(self, count: int) -> str:
        nouns = [
            f"{invented_word(self.rng)} and {invented_word(self.rng)} {invented_word(self.rng)}"
            for _ in range(count)
        ]
        return "\n".join(f"- the {noun}" for noun in nouns)

    def pair(self) -> str:
        return f"{self.sentence(8)[:-1]}?\nAnswer: {self.sentence(5)}"

    def answer(self) -> str:
        """The form that the prompt asks for; a story when it asks for none."""
        end = self.prompt.rstrip()
        count = _COUNT.search(self.prompt)
        length = _LENGTH.search(self.prompt)
        words = int(length[1]) if length else 50
        if end.endswith("\n-") or (count and count[2]):
            listed = self.topics(int(count[2]) if count and count[2] else 12)
            return listed.removeprefix("- ") if end.endswith("\n-") else listed
        if end.endswith("Question:"):
            return self.pair()
        if "Answer in exactly this form:\nQuestion:" in self.prompt:
            return f"Question: {self.pair()}"
        if "Answer with the new question only" in self.prompt:
            return f"{self.sentence(9)[:-1]}?"
        return self.story(int(count[1]) if count and count[1] else 5, words)


def instance(schema: dict[str, Any], speaker: Speaker, root: dict[str, Any] | None = None) -> Any:
    """Some value that a JSON schema allows (the subset that our own schemas use)."""
    root = root or schema
    if _is_by_number(schema) and schema["properties"]["1"].get("type") == "string":
        return _partition(list(schema["properties"]), speaker)
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return instance(root["$defs"][name], speaker, root)
    if "enum" in schema:
        return speaker.rng.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return instance(schema["anyOf"][0], speaker, root)
    kind = schema.get("type")
    if kind == "object":
        return {name: instance(field, speaker, root) for name, field in schema.get("properties", {}).items()}
    if kind == "array":
        low, high = schema.get("minItems", 1), schema.get("maxItems", schema.get("minItems", 1) + 2)
        return [instance(schema["items"], speaker, root) for _ in range(speaker.rng.randint(low, high))]
    if kind == "integer":
        return speaker.rng.randint(schema.get("minimum", 0), schema.get("maximum", 10))
    if kind == "number":
        return round(speaker.rng.uniform(schema.get("minimum", 0), schema.get("maximum", 1)), 3)
    if kind == "boolean":
        return speaker.rng.random() < 0.5
    return speaker.sentence(6)[: schema.get("maxLength")]


def _is_by_number(schema: dict[str, Any]) -> bool:
    """Whether it asks for one thing about each of several texts, by their numbers."""
    return "1" in schema.get("properties", {})


def _partition(texts: list[str], speaker: Speaker) -> dict[str, Any]:
    """A label for each text, with several texts to a label."""
    labels = [speaker.sentence(3) for _ in range(max(2, len(texts) // 2))]
    return {text: speaker.rng.choice(labels) for text in texts}
