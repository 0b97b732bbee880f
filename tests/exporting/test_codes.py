"""Codes of one's own: hard to guess, hard to get wrong, nobody's twice, the same every night."""

from __future__ import annotations

import csv
import json
import random
import string
from itertools import pairwise

import duckdb
import pytest
from night import AS_OF, build, members

from orchestration import cli, codes
from orchestration.codes import (
    ALPHABET,
    LENGTH,
    attach_codes,
    code_of,
    codes_of,
    is_well_formed,
    look_up,
    tidy,
)
from orchestration.errors import UserError
from orchestration.exporting import export
from orchestration.keys import code_key
from orchestration.settings import Settings
from orchestration.sync import make_plan

KEY = b"a secret"


def test_a_code_is_that_of_key_campaign_and_customer() -> None:
    parts = [(KEY, "ea", "c1"), (b"other", "ea", "c1"), (KEY, "eb", "c1"), (KEY, "ea", "c2")]
    # Ids that run into each other when they are put side by side.
    parts += [(KEY, "e", "ac1"), (KEY, 'ea", "c1', ""), (KEY, "", 'ea", "c1')]
    made = [code_of(*part) for part in parts]
    assert len(set(made)) == len(parts)
    assert made == [code_of(*part) for part in parts]
    assert made[0] == "7Y4J28J8HT", "another code than last year's: those told are void"


def test_no_letter_is_taken_for_another() -> None:
    for alike in ("0ODQ", "1ILJ", "2Z", "4A", "5S", "6G", "8B", "UV", "MN"):
        assert sum(letter in ALPHABET for letter in alike) <= 1, alike
    assert not set(ALPHABET) & set("AEIOU"), "a code might be a word"
    assert len(set(ALPHABET)) == len(ALPHABET) > LENGTH
    assert all(len(ALPHABET) % divisor for divisor in range(2, len(ALPHABET))), "a prime"
    seen = {letter for number in range(300) for letter in code_of(KEY, "ea", str(number))}
    assert seen == set(ALPHABET)


def test_every_slip_of_a_letter_and_every_swap_is_seen() -> None:
    for number in range(40):
        code = code_of(KEY, "ea", f"c{number}")
        assert len(code) == LENGTH and is_well_formed(code)
        for place, right in enumerate(code):
            for letter in string.ascii_uppercase + string.digits:
                slip = code[:place] + letter + code[place + 1 :]
                assert is_well_formed(slip) == (letter == right), (code, slip)
        for place, (one, other) in enumerate(pairwise(code)):
            swapped = code[:place] + other + one + code[place + 2 :]
            assert is_well_formed(swapped) == (one == other), (code, swapped)
        assert not is_well_formed(code[:-1]) and not is_well_formed(code + code[0])
    assert not is_well_formed("")


def test_a_code_is_read_however_it_is_written() -> None:
    code = code_of(KEY, "ea", "c1")
    assert tidy(f" {code[:5].lower()}-{code[5:]}\n") == code


def test_nobody_has_the_code_of_another_in_a_campaign() -> None:
    made = codes_of(KEY, [(name, f"c{n}") for name in ("ea", "eb") for n in range(5000)])
    for name in ("ea", "eb"):
        of_campaign = [code for (campaign, _), code in made.items() if campaign == name]
        assert len(set(of_campaign)) == len(of_campaign) == 5000
    assert all(is_well_formed(code) for code in made.values())


def test_where_two_would_share_a_code_the_first_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for forty codes every newcomer meets one that is taken."""

    def crowded(key: bytes, campaign: str, customer: str, attempt: int = 0) -> str:
        return str(random.Random(f"{campaign}/{customer}/{attempt}").randrange(40))

    monkeypatch.setattr(codes, "code_of", crowded)
    first = [("ea", f"c{n}") for n in range(20)]
    before = codes_of(KEY, first)
    assert any(code != crowded(KEY, *holder) for holder, code in before.items())
    after = codes_of(KEY, [*first, *(("ea", f"d{n}") for n in range(20))])
    assert len(set(after.values())) == 40
    assert {holder: after[holder] for holder in first} == before
    # The same code in another campaign is another one.
    assert len(codes_of(KEY, [(name, "c1") for name in "abc" * 40])) == 3


def test_whoever_may_have_been_told_first_keeps_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who share one, the one whose window opened first, whatever they are called."""
    monkeypatch.setattr(codes, "code_of", lambda key, campaign, customer, attempt=0: str(attempt))
    with duckdb.connect() as connection:
        connection.execute(
            "create schema activation;"
            "create table activation.sync_access_windows as from (values ('ea', 'c1', date"
            " '2026-07-02'), ('ea', 'c2', date '2026-07-01')) as t(campaign_id, customer_id,"
            " opens_at);"
            "create table activation.sync_audience_members as from activation.sync_access_windows;"
            "create table activation.sync_vip_audience as select *, campaign_id as"
            " message_campaign_id from activation.sync_access_windows"
        )
        attach_codes(connection, KEY)
        found = connection.execute("select customer_id, code from access_codes").fetchall()
        assert dict(found) == {"c2": "0", "c1": "1"}


def rows(path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


def test_codes_reach_the_shop_the_files_and_the_platform(settings: Settings) -> None:
    # c9 holds a code and is texted nothing; c3 is texted and holds none.
    build(settings, members(3), coded=["c1", "c2", "c9"])
    exported = export(settings, AS_OF)
    handed = rows(exported.folder / "access_codes.csv")
    key = code_key(settings, create=False)
    assert handed == [
        {
            "campaign_id": "ea",
            "code": code_of(key, "ea", customer),
            "opens_at": "2026-06-30 00:00:00",
            "closes_at": "2026-07-02 00:00:00",
            "customer_id": customer,
            "tier": "Gold",
            "campaign_name": "Early",
        }
        for customer in ("c1", "c2", "c9")
    ]
    told = {row["customer_id"]: row["code"] for row in handed} | {"c3": ""}
    audience = rows(exported.folder / "vip_audience.csv")
    assert {row["customer_id"]: row["message_code"] for row in audience} == {
        name: told[name] for name in ("c1", "c2", "c3")
    }
    of_audience = rows(exported.folder / "audiences" / "vip.csv")
    assert [row["code"] for row in of_audience] == [row["message_code"] for row in audience]
    assert "access_codes.csv" in {each["file"] for each in exported.manifest["files"]}

    profiles = make_plan(settings, "outbox", AS_OF).profiles.to_pylist()
    properties = {row["customer_id"]: json.loads(row["properties"]) for row in profiles}
    assert {name: properties[name]["message_code"] for name in ("c1", "c2", "c3")} == {
        name: told[name] for name in ("c1", "c2", "c3")
    }


def test_support_asks_whose_a_code_is(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_of(KEY, "ea", "c2")
    with pytest.raises(UserError, match="run `vip nightly`"):
        look_up(settings, code)
    monkeypatch.setenv("VIP_CODE_KEY", KEY.decode())
    settings = Settings(home=settings.home, raw_dir=settings.raw_dir, _env_file=None)
    build(settings, members(3), coded=["c1", "c2"])
    export(settings, AS_OF)
    (row,) = look_up(settings, f"{code[:4]} {code[4:].lower()}")
    assert (row["customer_id"], row["campaign_id"]) == ("c2", "ea")
    with pytest.raises(UserError, match="no campaign with an open window"):
        look_up(settings, code_of(KEY, "ea", "c3"))
    with pytest.raises(UserError, match="is no code"):
        look_up(settings, code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + 1) % 19])

    monkeypatch.setenv("VIP_HOME", str(settings.home))
    monkeypatch.setattr("sys.argv", ["vip", "code", code])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == (
        "Early: customer c2, Gold, from 2026-06-30 00:00:00 until 2026-07-02 00:00:00 UTC\n"
    )


def test_a_code_is_the_same_the_next_night(settings: Settings) -> None:
    build(settings, members(3), coded=["c1", "c2"])
    first = rows(export(settings, AS_OF).folder / "access_codes.csv")
    build(settings, members(3), coded=["c0", "c1", "c2", "c3"], fingerprint="f2")
    second = rows(export(settings, AS_OF).folder / "access_codes.csv")
    codes_then = {row["customer_id"]: row["code"] for row in first}
    codes_now = {row["customer_id"]: row["code"] for row in second}
    assert codes_then.items() < codes_now.items()


def test_neither_key_nor_code_lies_in_the_warehouse(settings: Settings) -> None:
    build(settings, members(3), coded=["c1", "c2"])
    exported = export(settings, AS_OF)
    make_plan(settings, "outbox", AS_OF)
    key = code_key(settings, create=False)
    secrets = [key, *(row["code"].encode() for row in rows(exported.folder / "access_codes.csv"))]
    for path in (settings.paths.warehouse, settings.paths.build):
        kept = path.read_bytes()
        assert not [secret for secret in secrets if secret in kept], path.name
    assert key.decode() not in json.dumps(exported.manifest)


def test_the_key_is_kept_private_or_comes_from_the_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings.paths.code_key
    code_key(settings, create=False)
    assert not path.exists(), "a plan makes no key"
    path.parent.mkdir(parents=True)
    key = code_key(settings, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert code_key(settings, create=False) == key
    path.write_text("")
    with pytest.raises(UserError, match=r"code\.key holds no key.* every code told so far"):
        code_key(settings, create=True)
    monkeypatch.setenv("VIP_CODE_KEY", "from the vault")
    given = Settings(home=settings.home, raw_dir=settings.raw_dir, _env_file=None)
    assert code_key(given, create=True) == b"from the vault"
    assert "from the vault" not in repr(given)
