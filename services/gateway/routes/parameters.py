"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query
from starlette.convertors import StringConvertor, register_url_convertor


class _JobConvertor(StringConvertor):
    """Matches job ids only: `/v1/experiments/{job_id:job}` leaves paths such as `/v1/experiments/estimate` to
    their own routes."""

    regex = "job-[^/]*"


register_url_convertor("job", _JobConvertor())

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Any text of your own. The same request sent again with it starts nothing again.",
    ),
]
JobId = Annotated[str, Path(pattern=r"^job-[0-9a-f]{32}$")]
SomeArtifactId = Annotated[
    str, Path(pattern=r"^(dataset|topics|measurement|model|evaluation|report)-[0-9a-f]{32}$")
]
DatasetId = Annotated[str, Path(pattern=r"^dataset-[0-9a-f]{32}$")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
