"""The `deduplicate` operation: one row of each group of duplicates, and no row that a test set holds."""

from __future__ import annotations

from services.metrics.duplicates import contamination, exact_duplicates, near_duplicates
from services.metrics.errors import translated
from services.metrics.lexical import Tokens
from services.metrics.lexical.text.texts import Texts
from services.metrics.operations.measure import require_one_kind
from services.metrics.operations.select import write_selection
from services.metrics.operations.stored_rows import StoredRows
from services.metrics.operations.text_sets import text_set
from services.metrics.rows.deduplication import drop_contaminated, keep_one_of_each
from services.metrics.rows.filtering import Selection, select
from shared.contracts.mixture import DeduplicationRequest, DeduplicationSummary
from shared.jobs.workspace import Workspace


def make_deduplicated(request: DeduplicationRequest, workspace: Workspace) -> DeduplicationSummary:
    """The kept rows as the dataset; the others in `rejects.jsonl`, each with the row that stands for it."""
    require_one_kind(workspace, "dataset", request.dataset, "test", request.test)
    stored = StoredRows(workspace, request.dataset)
    texts = text_set(workspace, request.dataset).texts
    ids = stored.ids
    with translated():
        tokens = Tokens.of(texts, request.tokenizer)
        workspace.progress(0, None, "rows", note="looking for duplicates")
        found = (
            exact_duplicates(texts)
            if request.similarity == 1
            else near_duplicates(tokens, threshold=request.similarity, shingle=request.shingle).groups
        )
        groups = [[ids[row] for row in group] for group in found.members()]
        lengths = dict(zip(ids, tokens.lengths.tolist(), strict=True))
        unique = keep_one_of_each(ids, groups, keep=request.keep, lengths=lengths)
        clean = _without_test(request, texts, ids, workspace)
    reasons = {reject.id: reject.reason for part in (clean, unique) for reject in part.rejected}
    written = write_selection(stored, select(ids, reasons), workspace)
    return DeduplicationSummary(
        **written.given(), duplicates=len(unique.rejected), contaminated=len(clean.rejected)
    )


def _without_test(
    request: DeduplicationRequest, texts: Texts, ids: list[str], workspace: Workspace
) -> Selection:
    if request.test is None:
        return select(ids, {})
    workspace.progress(0, None, "rows", note="looking for test rows")
    test = text_set(workspace, request.test).texts
    found = contamination(Tokens.of(texts), Tokens.of(test), request.contamination_order)
    held = dict(zip(ids, found.share.tolist(), strict=True))
    return drop_contaminated(ids, held, share=request.contamination_share)
