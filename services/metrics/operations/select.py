"""The row operations as jobs: `mix`, `sample`, `split`, `filter`, `deduplicate`. Each makes a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.metrics.errors import translated
from services.metrics.operations.stored_rows import StoredRows, value_at
from services.metrics.rows.filtering import FieldCondition, Selection, keep_passing
from services.metrics.rows.mixing import Mixture, Origin, mix
from services.metrics.rows.sampling import sample
from services.metrics.rows.splitting import split
from shared.contracts.datasets import DatasetKind, DatasetSummary
from shared.contracts.mixture import (
    FilterRequest,
    MixtureRequest,
    MixtureSummary,
    SampleRequest,
    SplitRequest,
    SplitSummary,
)
from shared.contracts.problems import FieldError
from shared.datasets import CONTEXTS, REJECTS, ROWS, Row
from shared.errors import InvalidData, InvalidRequest
from shared.jobs.workspace import Workspace


def make_mixture(request: MixtureRequest, workspace: Workspace) -> MixtureSummary:
    """Real and generated rows in one training order. Ids become `real/…` and `generated/…`."""
    sides: dict[Origin, StoredRows] = {
        "real": StoredRows(workspace, request.real),
        "generated": StoredRows(workspace, request.generated),
    }
    kinds = {name: side.kind for name, side in sides.items()}
    if kinds["real"] is not kinds["generated"]:
        raise InvalidRequest(
            f"a {kinds['generated']} dataset cannot be mixed into a {kinds['real']} one",
            [FieldError(pointer="/generated", detail=f"must be of kind {kinds['real']}")],
        )
    workspace.progress(0, None, "rows", note="choosing rows")
    real, generated = (
        side.side(unit=request.unit, tokenizer=request.tokenizer, stratify_by=request.stratify_by)
        for side in sides.values()
    )
    with translated():
        mixture = mix(
            real,
            generated,
            rho=request.rho,
            mode=request.mode,
            unit=request.unit,
            size=request.size,
            seed=request.seed,
        )
    written = _write(_mixed(mixture, sides), len(mixture.rows), list(sides.values()), workspace)
    return MixtureSummary(
        **written.given(),
        rho=mixture.share,
        unit=request.unit,
        real=mixture.real_amount,
        generated=mixture.generated_amount,
    )


def make_sample(request: SampleRequest, workspace: Workspace) -> DatasetSummary:
    """A seeded sample, in seeded order."""
    stored = StoredRows(workspace, request.dataset)
    side = stored.side(unit=request.unit, tokenizer=request.tokenizer, stratify_by=request.stratify_by)
    with translated():
        ids = sample(
            side,
            size=request.size,
            fraction=request.fraction,
            or_all=request.or_all,
            unit=request.unit,
            seed=request.seed,
        )
    return write_rows(stored, ids, workspace)


def make_split(request: SplitRequest, workspace: Workspace) -> SplitSummary:
    """The split that was asked for, in the dataset's order."""
    stored = StoredRows(workspace, request.dataset)
    group_by = request.group_by or ("context_id" if stored.kind is DatasetKind.QA else None)
    groups = [str(value_at(row, group_by)) for row in stored] if group_by else None
    with translated():
        parts = split(stored.ids, request.shares, groups=groups, seed=request.seed)
    written = write_rows(stored, parts[request.take], workspace)
    return SplitSummary(**written.given(), split=request.take)


def make_filtered(request: FilterRequest, workspace: Workspace) -> DatasetSummary:
    """The rows that meet every condition; the others are in `rejects.jsonl` with the one they fail."""
    stored = StoredRows(workspace, request.dataset)
    conditions = [FieldCondition(c.field, c.comparison, c.value) for c in request.conditions]
    needed = {condition.field for condition in conditions}
    tokens = iter(stored.lengths(request.tokenizer)) if "tokens" in needed else None
    rows = [
        {"id": row["id"]}
        | {field: value_at(row, field) for field in needed}
        | ({"tokens": next(tokens)} if tokens else {})
        for row in stored
    ]
    with translated():
        selection = keep_passing(rows, conditions)
    return write_selection(stored, selection, workspace)


def write_selection(stored: StoredRows, selection: Selection, workspace: Workspace) -> DatasetSummary:
    """The kept rows as the dataset, the rejected ones beside it. Raises InvalidData when none is kept."""
    if not selection.kept:
        first = selection.rejected[0].reason if selection.rejected else "the dataset is empty"
        raise InvalidData(f"no row is kept ({first}, and so on): loosen the conditions")
    reasons = {reject.id: reject.reason for reject in selection.rejected}
    rejects = ({"row": row, "reason": reasons[row["id"]]} for row in stored.rows(list(reasons)))
    written = write_rows(stored, selection.kept, workspace)
    return DatasetSummary(**written.given(), rejects=workspace.output.put_rows(REJECTS, rejects))


def write_rows(stored: StoredRows, ids: Iterable[str], workspace: Workspace) -> DatasetSummary:
    """These rows as the dataset, with the contexts they name."""
    wanted = list(ids)
    return _write(stored.rows(wanted), len(wanted), [stored], workspace)


def _mixed(mixture: Mixture, sides: Mapping[Origin, StoredRows]) -> Iterator[Row]:
    """Rows of both sides in the mixture's order, each side read by its own cursor."""
    cursors = {name: side.rows(mixture.ids(name)) for name, side in sides.items()}
    return ({**next(cursors[name]), "id": f"{name}/{row}"} for name, row in mixture.rows)


def _write(
    rows: Iterator[Row], total: int, sides: Sequence[StoredRows], workspace: Workspace
) -> DatasetSummary:
    """Write the rows and, of their contexts, those that they name."""
    named: set[str] = set()
    count = workspace.output.put_rows(ROWS, _watched(rows, total, named, workspace))
    kind = sides[0].kind
    if kind is DatasetKind.QA:
        contexts = workspace.output.put_rows(CONTEXTS, _contexts(sides, named))
        return DatasetSummary(kind=kind, rows=count, contexts=contexts)
    return DatasetSummary(kind=kind, rows=count)


def _watched(rows: Iterator[Row], total: int, named: set[str], workspace: Workspace) -> Iterator[Row]:
    for number, row in enumerate(rows):
        workspace.progress(number, total, "rows", note="writing rows")
        named.add(str(row.get("context_id")))
        yield row
    workspace.progress(total, total, "rows")


def _contexts(sides: Sequence[StoredRows], named: set[str]) -> list[Row]:
    """Raises InvalidData when one context has one text here and another there."""
    together: dict[str, str] = {}
    for side in sides:
        for name, text in side.contexts().items():
            if name in named and together.setdefault(name, text) != text:
                raise InvalidData(f"context {name!r} has one text in one dataset and another in the other")
    return [{"id": name, "text": text} for name, text in together.items()]
