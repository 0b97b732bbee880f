"""The page of a night stands alone, says what happened, and gives nobody away."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest

from orchestration.quality import gate_rows, write_page

AS_OF = date(2026, 7, 1)
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page; raises where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def drawn(brand, as_of_date: date = AS_OF, dbt_results=None) -> str:
    return write_page(brand.settings, as_of_date, dbt_results).read_text(encoding="utf-8")


def heading(text: str) -> str:
    return re.search(r"<strong>(.*?)</strong>", text)[1]


def stop(brand) -> None:
    brand.sql(
        "insert into raw.consent_events by name select 'x' as consent_event_id, 'c0100' as"
        " customer_id, 'opt_out' as action, timestamp '2026-06-30 18:00' as occurred_at"
    )


def test_the_page_needs_nothing_from_outside(judged):
    stop(judged)
    judged.judge("gate")
    text = drawn(judged, dbt_results=[{"name": "<b>t</b>", "status": "pass", "failures": 0}])
    page = Page(text)
    assert not page.all("script")
    assert not page.all("img")
    assert not page.all("link")
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text
    for attributes in page.all("a"):
        assert re.fullmatch(r"#[a-z]+|\d{4}-\d{2}-\d{2}\.html", attributes["href"])
    assert "<b>t</b>" not in text


def test_the_page_can_be_read_by_a_screen_reader(judged):
    page = Page(drawn(judged))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert all("scope" in attributes for attributes in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) >= 2
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    targets = {each["href"][1:] for each in page.all("a") if each["href"].startswith("#")}
    assert targets <= ids


def test_colours_have_contrast(project_dir):
    """WCAG AA asks for 4.5 to 1 between text and what is behind it, in both schemes."""
    text = (project_dir / "orchestration/pages/style.css").read_text()

    def luminance(colour: str) -> float:
        colour = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
        parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    schemes = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{3,6})", scheme))
        states = ("passed", "warned", "stopped", "absent")
        pairs = [
            (word, behind) for word in ("ink", "soft") for behind in ("paper", "card", "stripe")
        ]
        pairs += [(state, f"{state}-bg") for state in states]
        pairs += [(state, "card") for state in states]
        pairs += [("ink", f"{state}-bg") for state in states] + [("link", "paper")]
        for front, behind in pairs:
            dark, light = sorted((luminance(colours[front]), luminance(colours[behind])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, behind)


def test_a_sound_night_is_cleared(judged):
    text = drawn(judged)
    assert heading(text) == "Cleared"
    assert "270 members passed the gate." in text
    assert "What was found" not in text
    for word in ("Every member has SMS consent", "Load report", "14,000"):
        assert word in text


def test_a_stopped_night_says_where_and_why(judged):
    stop(judged)
    assert any(result.stops for result in judged.judge("gate").values())
    text = drawn(judged)
    assert heading(text) == "Stopped at the gate"
    assert "1 blocking check failed." in text
    found = text[text.index("What was found") : text.index('id="landing"')]
    for word in ("No member has opted out", "0 rows", "1 of 270 rows", "c0100", "2026-06-30 18:00"):
        assert word in found


def test_a_warning_clears(judged):
    judged.sql(
        "update vip_sms.marts.customer_tiers set tier_rank = 1"
        " where customer_id between 'c0400' and 'c0600'"
    )
    judged.judge("gate")
    text = drawn(judged)
    assert heading(text) == "Cleared, with 1 warning"
    assert "VIP share is usual" in text[: text.index('id="landing"')]


def test_landing_alone_is_no_verdict(brand):
    brand.judge("landing")
    text = drawn(brand)
    assert heading(text) == "Not judged to the end"
    assert "Landing passed; the gate has not run." in text


def test_a_night_that_nobody_judged(settings):
    text = write_page(settings, AS_OF).read_text()
    Page(text)
    assert "Nothing of this night was judged." in text


def test_phases_of_dbt_add_up_and_a_second_try_replaces_the_first(judged):
    drawn(judged, dbt_results=[{"name": "first", "status": "pass", "failures": 0}])
    drawn(judged, dbt_results=[{"name": "second", "status": "fail", "failures": 3}])
    assert heading(drawn(judged)) == "Stopped by the dbt tests"
    text = drawn(judged, dbt_results=[{"name": "second", "status": "pass", "failures": 0}])
    assert heading(text) == "Cleared"
    assert "first" in text and "second" in text


@pytest.mark.parametrize(
    ("status", "failures", "headline"),
    [
        ("pass", 0, "Cleared"),
        ("warn", 2, "Cleared, with 1 warning"),
        ("fail", 3, "Stopped by the dbt tests"),
        ("error", None, "Stopped by the dbt tests"),
        ("skipped", None, "Cleared, with 1 warning"),
    ],
)
def test_dbt_tests_count(judged, status, failures, headline):
    result = {
        "name": "assert_revenue_reconciles",
        "model": "orders_costed",
        "status": status,
        "failures": failures,
        "message": "call 4155550100",
    }
    text = drawn(judged, dbt_results=[result])
    assert heading(text) == headline
    assert "assert_revenue_reconciles" in text
    assert "4155550100" not in text
    assert heading(drawn(judged)) == headline


def test_a_push_is_shown(judged, rows):
    gate_rows(rows[:9], judged.settings, AS_OF)
    assert "9 rows passed it once more on their way out." in drawn(judged)
    stop(judged)
    gate_rows(rows, judged.settings, AS_OF)
    assert heading(drawn(judged)) == "Stopped at the push"


def test_nights_are_linked_and_the_newest_is_the_index(brand):
    folder = brand.settings.paths.quality
    for days in (2, 1, 0):
        brand.check("every_order_has_one_row", AS_OF - timedelta(days=days))
        drawn(brand, AS_OF - timedelta(days=days))
    newest = (folder / "2026-07-01.html").read_text()
    links = [each["href"] for each in Page(newest).all("a") if each["href"][0] != "#"]
    assert links == ["2026-06-30.html", "2026-06-29.html"]
    assert (folder / "index.html").read_text() == newest
    drawn(brand, AS_OF - timedelta(days=1))
    assert (folder / "index.html").read_text() == newest


def test_no_personal_data_on_the_page(judged):
    judged.sql("update activation.sync_vip_audience set phone = '415 555 0100'")
    judged.judge("gate")
    text = drawn(judged)
    assert heading(text) == "Stopped at the gate"
    assert not any(word in text for word in ("415555", "555 0100", "ada@", "Ada"))


def test_any_page_can_be_drawn_again(judged):
    first = drawn(judged)
    judged.settings.paths.warehouse.unlink()
    assert drawn(judged) == first
