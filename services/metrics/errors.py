"""The domain's refusals as the suite's errors: translated here, once, for jobs and API alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.metrics.lexical.errors import LexicalError
from services.metrics.problems import Unmeasurable
from shared.contracts.problems import FieldError
from shared.errors import InvalidData, InvalidRequest


@contextmanager
def translated() -> Iterator[None]:
    """Turns a refusal into InvalidRequest (a parameter is at fault) or InvalidData (the rows are)."""
    try:
        yield
    except Unmeasurable as refused:
        if refused.field is not None:
            faults = [FieldError(pointer=f"/{refused.field}", detail=refused.detail)]
            raise InvalidRequest(refused.detail, faults) from refused
        raise InvalidData(refused.detail) from refused
    except LexicalError as refused:
        raise InvalidData(str(refused)) from refused
