"""What can go wrong in the trainer. Each message says what happened, what it means and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from shared.contracts.problems import FieldError
from shared.errors import GamutError, InvalidData, Reason

SHOWN = 10


def name_rows(rows: Sequence[str]) -> str:
    """The first rows by name, and how many more there are."""
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(rows[:SHOWN]) + more


def _row_errors(rows: Sequence[str], detail: str) -> list[FieldError]:
    return [FieldError(pointer=f"/rows/{row}", detail=detail) for row in rows[:100]]


class BadRow(InvalidData):
    """A row lacks a field, or has nothing to learn from."""

    def __init__(self, row: str, problem: str) -> None:
        super().__init__(f"Row {row}: {problem}.", _row_errors([row], problem))
        self.row = row


class EmptyRows(InvalidData):
    """Rows have nothing to learn and the request does not say what to do with them."""

    code = "empty_rows"

    def __init__(self, rows: Sequence[str], what: str) -> None:
        problem = f"its {what} is empty: there is nothing to predict"
        super().__init__(
            f"{len(rows)} rows have nothing to learn (the {what} is empty): {name_rows(rows)}. Correct them, "
            "or set rendering.empty to 'drop', which counts them.",
            _row_errors(rows, problem),
        )
        self.rows = tuple(rows)


class SpecialTokensInRows(InvalidData):
    """Rows have a special token of the tokenizer written out in their own text."""

    code = "special_tokens_in_rows"

    def __init__(self, rows: Sequence[str], tokens: Sequence[str]) -> None:
        shown = ", ".join(repr(token) for token in tokens[:SHOWN])
        super().__init__(
            f"{len(rows)} rows have special tokens of the tokenizer in their own text ({shown}), which would "
            f"end or begin turns that are none: {name_rows(rows)}. Remove them, or set "
            "rendering.special_tokens to 'split', which reads them as plain text.",
            _row_errors(rows, f"special tokens in its text: {shown}"),
        )
        self.rows = tuple(rows)


class OverLongRows(InvalidData):
    """Rows do not fit the model's context and the request does not say what to do with them."""

    code = "over_long_rows"

    def __init__(self, rows: Sequence[str], longest: int, limit: int, *, windowed: bool = False) -> None:
        """`windowed`: not even a window helps, what is to be learned is too long by itself."""
        ways = "'drop'" if windowed else "'drop' or 'window'"
        super().__init__(
            f"{len(rows)} rows are longer than {limit} tokens (the longest has {longest}): "
            f"{name_rows(rows)}. "
            + ("A window does not help: the completion alone leaves no room. " if windowed else "")
            + f"Nothing is cut silently: set over_long to {ways}, raise max_length, or shorten the rows.",
            _row_errors(rows, f"longer than {limit} tokens"),
        )
        self.rows = tuple(rows)


class UnsuitableModel(GamutError):
    """The model or its tokenizer cannot be trained or evaluated this way."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "unsuitable_model"
    reason = Reason.INVALID_REQUEST


class NotPackable(UnsuitableModel):
    """The model computes packed rows otherwise than the same rows alone."""

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(f"{model} {problem}: rows of it cannot be packed. Use batching 'padded'.")


class NotCompiled(GamutError):
    """The machine cannot compile the attention that packed rows need on its GPU."""

    code = "not_compiled"

    def __init__(self, problem: str) -> None:
        first = next(iter(problem.strip().splitlines()), "no reason given")
        super().__init__(
            f"FlexAttention, which packed rows need on a GPU, could not be compiled on this machine: {first} "
            "Give the machine a C compiler (gcc) and a temporary folder that files may be loaded from, or "
            "use batching 'padded'."
        )


class NonFiniteLoss(GamutError):
    """The loss became NaN or infinite."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "non_finite_loss"
    reason = Reason.DIVERGED

    def __init__(self, step: int, rows: Sequence[str], value: float) -> None:
        super().__init__(
            f"The loss is {value} at step {step}; the batch holds rows {name_rows(rows)}. It stopped before "
            f"this "
            "update. Look at these rows, lower the learning rate, or compute in fp32.",
            _row_errors(rows, f"in the batch whose loss is {value}"),
        )
        self.step, self.rows = step, tuple(rows)


class ForeignCheckpoint(GamutError):
    """A checkpoint was made by another request."""

    status = HTTPStatus.CONFLICT
    code = "foreign_checkpoint"
    reason = Reason.INVALID_REQUEST

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(
            f"The checkpoint belongs to training {found}, not {expected}. Resuming from it would mix two "
            f"trainings: "
            "remove it, or resume the request that made it."
        )


class OutOfMemory(GamutError):
    """The step did not fit the device's memory."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "out_of_memory"
    reason = Reason.DOES_NOT_FIT


class Contaminated(GamutError):
    """Training rows overlap the test set beyond the stated threshold."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "contaminated"
    reason = Reason.CONTAMINATED

    def __init__(
        self,
        pairs: Sequence[tuple[str, str, float]],
        overlapped: int,
        test_rows: int,
        threshold: float,
        of: str = "training",
    ) -> None:
        """`pairs`: some of what was found; `overlapped`: all test rows that were."""
        shown = name_rows([f"{train} ~ {test} ({share:.0%})" for train, test, share in pairs])
        super().__init__(
            f"{overlapped} of {test_rows} test rows share at least {threshold:.0%} of their n-grams with a "
            f"{of} row: {shown}. A test loss on such rows says nothing: remove them from the {of} set, raise "
            "allowed_share, or set the contamination action to 'report'.",
            [
                FieldError(pointer=f"/rows/{train}", detail=f"overlaps test row {test}")
                for train, test, _ in pairs[:100]
            ],
        )
