"""The plot in run metadata: small, self-contained, and in the order given."""

from __future__ import annotations

import base64

from orchestration.plots import tiers_markdown, tiers_svg
from orchestration.summary import Tier

TIERS = [Tier("platinum", 26, 0.01), Tier("gold", 100, 0.04), Tier("silver", 1306, 0.11)]


def test_each_tier_has_its_bar_number_and_place() -> None:
    svg = tiers_svg(TIERS)
    assert ">1,306 (11.0%)</text>" in svg
    places = [svg.index(f">{name}</text>") for name in ("Platinum", "Gold", "Silver")]
    assert places == sorted(places)


def test_it_is_small_and_asks_nobody_for_anything() -> None:
    markdown = tiers_markdown(TIERS)
    assert len(markdown) < 20_000
    head, data = markdown.removesuffix(")").split(",", 1)
    assert head == "![customers by tier](data:image/svg+xml;base64"
    svg = base64.b64decode(data).decode()
    assert "http" not in svg.replace("http://www.w3.org/", "")


def test_no_tiers_is_no_plot() -> None:
    assert tiers_markdown([]) == "no tiers"
