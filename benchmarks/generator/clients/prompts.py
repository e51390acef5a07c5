"""The same prompts for every client."""

TOPICS = [f"a {size} {thing}" for size in ("small", "large", "lost", "new", "old") for thing in
          ("fox", "boat", "clock", "garden", "letter", "song", "bridge", "oven", "map", "storm")]  # fmt: skip
EXAMPLE = "The fox went to the market and sold three geese to a tall man with a red hat. He was glad."
MODEL = "bench"


def prompt(number: int) -> str:
    story = f"Story: {EXAMPLE}\n\n"
    return f"{story}{story}{story}Topic: {TOPICS[number % len(TOPICS)]}\nStory: "
