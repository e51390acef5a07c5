"""One row of each group of duplicates stays; contaminated rows go, with the share that condemned them."""

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.rows.deduplication import drop_contaminated, keep_one_of_each
from services.metrics.rows.filtering import LeftOutRow
from tests.unit.services.metrics.refusals import refused


@given(st.lists(st.integers(0, 9), max_size=40))
def test_exactly_one_of_each_group_stays(labels: list[int]) -> None:
    ids = [f"row {number}" for number in range(len(labels))]
    groups = [[row for row, own in zip(ids, labels, strict=True) if own == label] for label in set(labels)]
    selection = keep_one_of_each(ids, groups)
    assert len(selection.kept) == len(set(labels))
    assert list(selection.kept) == [
        group[0] for group in sorted(groups, key=lambda group: ids.index(group[0]))
    ]
    assert len(selection.kept) + len(selection.rejected) == len(ids)


def test_the_longest_can_stay() -> None:
    selection = keep_one_of_each("abcd", [["a", "c", "d"]], keep="longest", lengths={"a": 1, "c": 5, "d": 5})
    assert selection.kept == ("b", "c")
    assert selection.rejected == (LeftOutRow("a", "duplicate of c"), LeftOutRow("d", "duplicate of c"))


def test_keeping_the_longest_needs_lengths() -> None:
    with refused("no_lengths"):
        keep_one_of_each(["a"], [], keep="longest")


def test_contaminated_rows_go() -> None:
    selection = drop_contaminated(["a", "b", "c"], {"a": 0.49, "b": 0.5}, share=0.5)
    assert selection.kept == ("a", "c")
    assert selection.rejected == (LeftOutRow("b", "holds 50% of a test row's n-grams"),)
    with refused("bad_share"):
        drop_contaminated([], {}, share=0)
