"""Plots small enough to live inside run metadata: SVG in a data URI, drawn without a browser."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date

from orchestration.summary import Tier

_WIDTH, _ROW_HEIGHT = 360, 26


def tiers_markdown(tiers: Sequence[Tier]) -> str:
    """Return markdown that shows the customers of each tier as bars; the order is kept."""
    if not tiers:
        return "no tiers"
    image = base64.b64encode(tiers_svg(tiers).encode()).decode()
    return f"![customers by tier](data:image/svg+xml;base64,{image})"


def shares_markdown(history: Sequence[tuple[date, str, float]]) -> str:
    """Return markdown with one line a policy: month end, policy, share of active customers."""
    if not history:
        return "no months"
    image = base64.b64encode(shares_svg(history).encode()).decode()
    return f"![VIPs as a share of active customers](data:image/svg+xml;base64,{image})"


def shares_svg(history: Sequence[tuple[date, str, float]]) -> str:
    """Return an SVG with the share of each policy over time."""
    import altair as alt
    import vl_convert

    rows = [
        {"month": day.isoformat(), "policy": policy, "share": share}
        for day, policy, share in history
    ]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line()
        .encode(
            x=alt.X("month:T", title=None),
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%")),
            color=alt.Color("policy:N", title=None),
        )
        .properties(width=_WIDTH, height=_ROW_HEIGHT * 6)
    )
    return vl_convert.vegalite_to_svg(chart.configure_view(stroke=None).to_dict())


def tiers_svg(tiers: Sequence[Tier]) -> str:
    """Return an SVG with one bar a tier, its number written beside it."""
    import altair as alt
    import vl_convert

    rows = [
        {
            "tier": row.tier.capitalize(),
            "customers": row.customers,
            "told": f"{row.customers:,} ({row.share:.1%})",
        }
        for row in tiers
    ]
    bars = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("customers:Q", title=None, axis=None),
        y=alt.Y("tier:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False)),
    )
    chart = (
        bars.mark_bar(color="#4a6fa5", height={"band": 0.7})
        + bars.mark_text(align="left", dx=4).encode(text="told:N")
    ).properties(width=_WIDTH, height=_ROW_HEIGHT * len(rows))
    return vl_convert.vegalite_to_svg(chart.configure_view(stroke=None).to_dict())
