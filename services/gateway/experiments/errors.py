"""What is wrong with a recipe."""

from __future__ import annotations

from collections.abc import Iterable

from services.gateway.documents.pointers import MAX_FAULTS, Place
from shared.contracts.problems import FieldError, pointer
from shared.errors import InvalidRequest


class InvalidRecipe(InvalidRequest):
    """The recipe does not describe an experiment that can run. `errors` names each place in it."""

    code = "invalid_recipe"


def refuse(faults: Iterable[tuple[Place, str]]) -> None:
    """Raises `InvalidRecipe` with the faults, each once, if there are any."""
    different = list(dict.fromkeys((pointer(place), detail) for place, detail in faults))
    if different:
        errors = [FieldError(pointer=where, detail=detail) for where, detail in different[:MAX_FAULTS]]
        raise InvalidRecipe(
            f"the recipe is wrong in {len(different)} place(s); correct them and post it again", errors
        )
