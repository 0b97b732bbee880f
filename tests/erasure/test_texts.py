"""Erased identifiers in running text: they are found, and nothing else is touched."""

from __future__ import annotations

import json

import pytest

from orchestration.erasure.identifiers import CUSTOMER, EMAIL, PHONE, Erased
from orchestration.erasure.texts import Judge, json_without, text_without

KEY = b"a key"
GID = "gid://shopify/Customer/123456"


def judge(*ids: str, plain: tuple[str, ...] = ()) -> Judge:
    maker = Erased(KEY)
    known = [*((CUSTOMER, each) for each in ids), (PHONE, "+12125550143"), (EMAIL, "ann@ex.com")]
    return Judge(Erased(KEY, frozenset(maker.digest(*each) for each in known)), plain)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("row of c1, c10 and c1.", "row of erased, c10 and erased"),
        ("| c1 | Gold |", "| erased | Gold |"),
        ('{"md": "a\\nc1 | x"}', '{"md": "a\\nerased | x"}'),
        ("call +12125550143 or Ann@Ex.com!", "call erased or erased!"),
        ("nothing of anybody", "nothing of anybody"),
    ],
)
def test_words_are_blanked_one_by_one(text: str, left: str) -> None:
    assert text_without(text, judge("c1"))[0] == left


def test_json_stays_json_where_ids_are_numbers() -> None:
    event = json.dumps({"pid": 70021, "md": "| 70021 |", "step": 12})
    text, gone = text_without(event, judge("70021", "12"))
    assert json.loads(text) == {"pid": 0, "md": "| 0 |", "step": 12} and gone == 2


def test_an_id_of_several_words_is_found_where_it_is_known() -> None:
    assert text_without(f"of {GID}, of {GID}7", judge(GID, plain=(GID,))) == (
        f"of erased, of {GID}7",
        1,
    )


def test_rows_of_a_page_go_whole() -> None:
    night = {"checks": [{"rows": [{"customer_id": GID, "n": 1}, {"customer_id": "c2"}]}]}
    text, gone = json_without(json.dumps(night), judge(GID))
    assert json.loads(text) == {"checks": [{"rows": [{"customer_id": "c2"}]}]} and gone == 1
