"""The three required tables alone: a small shop needs nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_brand import DAY, ROWS, write
from vip_process import csv_rows, exported, query, start

pytestmark = pytest.mark.slow

UNKNOWN = {
    "customer_value": "discount_amount_12m refund_amount_12m restocked_cost_12m "
    "net_shipping_cost_12m payment_fee_12m return_cost_12m sms_cost_12m benefit_cost_12m "
    "support_cost_12m cost_to_serve_12m cost_to_serve_rate_12m return_rate_12m "
    "discount_share_12m full_price_share_12m high_margin_share_12m categories_12m tickets_12m "
    "support_minutes_12m is_support_heavy is_quiet_regular overdue_orders nps_latest "
    "referrals_lifetime reviews_lifetime advocacy_score is_high_profile",
    "tier_attention": "benefit_cost_12m support_cost_12m sms_cost_12m attention_cost_12m "
    "attention_cost_each attention_share attention_index is_neglected",
    "benefit_usage": "customers_redeemed_12m customers_redeemed_3m redemptions_12m cost_12m "
    "redeemed_share_12m redeemed_share_3m",
    "customer_segments": "behaviour_segment discount_sensitivity favourite_category "
    "favourite_brand preferred_sales_channel preferred_device trend_lines discounted_share "
    "category_count early_points has_early_signals care_points needs_care",
    "customer_ltv": "category_signal engagement_signal",
    "revenue_concentration": "support_time_share",
}
"""What three tables say nothing about, by mart: null of everybody, and not zero."""


def test_three_csv_files_make_a_night(tmp_path: Path) -> None:
    """In folders as people name them."""
    raw, home = write(tmp_path / "raw [1]"), tmp_path / "Ann's var, *new*"
    ended = start(tmp_path, "nightly", "--as-of", DAY, "--json", raw_dir=raw, home=home).wait()
    assert ended.code == 0, ended.err
    told = ended.json
    assert (told["customers"], told["vips"], told["audience"], told["holdout"]) == (ROWS, 10, 0, 0)
    assert told["checks"]["failed"] == 0

    exported(home, DAY)
    assert csv_rows(home / "exports" / "latest" / "vip_audience.csv") == []
    (total,) = query(home, "select sum(net_revenue_lifetime) from marts.customer_value")[0]
    assert total == 10 * 2050.5 + 50 * 20.5
    for mart, names in UNKNOWN.items():
        counts = ", ".join(f"count({name})" for name in names.split())
        (known,) = query(home, f"select count(*), {counts} from marts.{mart}")
        told = dict(zip(names.split(), known[1:], strict=True))
        assert known[0] and told == dict.fromkeys(told, 0), mart
    (home_page,) = (home / "quality").glob(f"{DAY}.html")
    assert home_page.stat().st_size > 1000
