"""Plots small enough to live inside run metadata: SVG in a data URI, drawn without a browser."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from orchestration.summary import Tier

_WIDTH, _ROW_HEIGHT = 360, 26


def tiers_markdown(tiers: Sequence[Tier]) -> str:
    """Return markdown that shows the customers of each tier as bars; the order is kept."""
    if not tiers:
        return "no tiers"
    image = base64.b64encode(tiers_svg(tiers).encode()).decode()
    return f"![customers by tier](data:image/svg+xml;base64,{image})"


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
