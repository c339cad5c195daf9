import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.record_columns import RecordColumns

KNOWN = frozenset("abcd")
rows = st.lists(
    st.dictionaries(st.sampled_from("abcdxyz"), st.none() | st.integers() | st.text(max_size=3) | st.lists(st.just(1))),
    max_size=12,
)


@given(rows)
@settings(deadline=None, max_examples=200)
def test_a_column_has_what_each_record_has(records):
    fields = RecordColumns(records, KNOWN)
    assert len(fields) == len(records)
    for name in KNOWN:
        assert list(fields.column(name)) == [record.get(name) for record in records]
        assert (name in fields) == any(name in record for record in records)


@given(rows)
@settings(deadline=None, max_examples=200)
def test_given_tells_position_and_value_of_the_records_that_have_a_field(records):
    fields = RecordColumns(records, KNOWN)
    for name in KNOWN:
        positions, values = fields.given(name)
        found = dict(zip(positions.tolist(), values, strict=True))
        assert found == {number: record[name] for number, record in enumerate(records) if name in record}


@given(rows)
@settings(deadline=None, max_examples=200)
def test_unknown_fields_are_told_unless_they_are_none(records):
    expected = {
        number: {name: value for name, value in record.items() if name not in KNOWN and value is not None}
        for number, record in enumerate(records)
    }
    assert dict(RecordColumns(records, KNOWN).unknown()) == {number: left for number, left in expected.items() if left}


@given(rows, st.data())
@settings(deadline=None, max_examples=100)
def test_chosen_records_keep_their_order(records, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(records), max_size=len(records)))
    chosen = RecordColumns(records, KNOWN).chosen(np.array(mask, dtype=bool), KNOWN)
    kept = [record for record, is_kept in zip(records, mask, strict=True) if is_kept]
    assert list(chosen.column("a")) == [record.get("a") for record in kept]
