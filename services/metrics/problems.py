"""What the measures refuse, and why."""

from __future__ import annotations


class Unmeasurable(ValueError):
    """The rows or the parameters do not define the value that was asked for.

    `code` is stable and machine-readable (`empty_dataset`, `nan_embeddings`, …). `detail` says to a person
    what happened, what it means and what to do. `field` names the parameter at fault when one is.
    """

    def __init__(self, code: str, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


def require_rows(count: int, at_least: int, what: str) -> None:
    """Refuse a dataset of fewer than `at_least` rows. `what` is the measure, as a person would name it."""
    if count >= at_least:
        return
    if count == 0:
        raise Unmeasurable(
            "empty_dataset", f"{what} of an empty dataset is undefined: give {at_least} rows or more."
        )
    raise Unmeasurable(
        "too_few_rows",
        f"{what} needs at least {at_least} rows and there are {count}: add rows or leave this measure out.",
    )
