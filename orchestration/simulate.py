"""What a draft of the policy would have made of the brand, beside what the one in force made.

The tier models run under the draft in a database of their own, on views of the last built night;
nothing of that night is written. The draft is judged first. Figures are decided here; how they look
belongs to `terminal`, and what to do about them to the owner of the policy.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from orchestration import dated_values as dated
from orchestration import fits
from orchestration.compiling import compile_models, compiled_sql
from orchestration.errors import UserError
from orchestration.night import BUILT, of_this_program, read_night
from orchestration.policy import EXCLUSIONS, POLICY_DIR, read_policy, require_sound
from orchestration.settings import Settings
from orchestration.warehouse import connect, one, sql_path

_TARGETS = ("customer_tiers", "tier_movements")
_NIGHT_GIVES = (
    "int_customer_days",
    "int_customer_margin_days",
    "int_customer_categories",
    "int_orders_costed",
    "int_returns_costed",
    "int_benefit_redemptions_costed",
    "customer_value",
)
"""Where the tiers begin: what lies before is the same under any policy."""
_PROJECTIONS = "int_ltv_projections"
"""Given by the night as well, unless the draft looks at projections on days of its own."""
_FITS = {fit.name: fit for fit in fits.EARLY}
_READ_BY_FITS = tuple(table.rsplit(".", 1)[1] for fit in fits.EARLY for table in fit.reads)
_DATES = dated.READS[0].rsplit(".", 1)[1]
_FITTED = f"source.vip_sms.{fits.SCHEMA}."
_NO_TABLE: dict[str, Any] = {"types": {}, "given": False, "schema": "", "place": "", "sql": ""}
_NIGHT = "night"
_ALWAYS = date(2000, 1, 1)
_NONE = "none"

Listener = Callable[[str], None]


@dataclass(frozen=True)
class TierFigures:
    """One tier under one policy; test accounts are left out, amounts in the reporting currency."""

    tier: str
    tier_rank: int
    members: int
    share_of_active: float
    """Members who bought in the last twelve months, in all who did: what the gate looks at."""
    margin_12m: float
    """CM2 of the last twelve months of who is in the tier."""
    benefit_cost: float
    """A year at full use: what has a price once a member, or with each order; no discounts."""
    discount_at_most: float
    """If each order of the last twelve months had taken the tier's discount."""


@dataclass(frozen=True)
class Simulation:
    """A draft beside the policy in force, on one night."""

    as_of_date: date
    policy_version: str
    draft_version: str
    is_replayed_from_the_start: bool
    active_customers: int
    now: list[TierFigures]
    draft: list[TierFigures]
    moves: list[tuple[str, str, int]]
    """From tier, to tier, customers; the empty corner (none to none) is left out."""
    joiners: int
    leavers: int
    history: list[tuple[date, str, float]]
    """Month end, `now` or `draft`, and what share of who had bought in the year were members."""
    warnings: list[str]

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain values, for JSON."""
        return {
            **asdict(self),
            "as_of_date": self.as_of_date.isoformat(),
            "moves": [
                dict(zip(("from", "to", "customers"), move, strict=True)) for move in self.moves
            ],
            "history": [
                {"month_end": day.isoformat(), "policy": policy, "share_of_active": share}
                for day, policy, share in self.history
            ],
        }


def simulate(
    settings: Settings,
    draft: Path,
    moves_file: Path | None = None,
    listener: Listener = lambda _: None,
) -> Simulation:
    """Replay the history of the last built night under the policy in `draft`.

    Writes who moves (customer_id, tier, draft_tier) to `moves_file` where one is given. A last
    version that begins after the night is replayed as if it had always ruled. Raises `UserError`
    where the draft contradicts itself, where no night was built, and where `moves_file` cannot be.
    """
    require_sound(draft)
    if moves_file:
        _require_place(moves_file)
    if not settings.paths.warehouse.exists():
        raise UserError("no night has been built here yet: run `vip nightly`")
    with connect(settings, read_only=True) as connection:
        night = read_night(connection, BUILT)
    with tempfile.TemporaryDirectory(prefix="vip-simulate-") as folder:
        trial = type(settings)(home=Path(folder), threads=settings.threads)
        listener("Reading the tier models")
        given = _NIGHT_GIVES if _projects(draft) else (*_NIGHT_GIVES, _PROJECTIONS)
        nodes, value = _compile(trial, night["as_of_date"], given)
        with connect(trial) as connection, of_this_program():
            connection.execute(f"attach if not exists {sql_path(trial.paths.build)} as vip_sms")
            _look_at(connection, settings)
            is_replayed, version = _fill(connection, nodes, draft, night["as_of_date"])
            for name in _order(nodes):
                listener(f"Replaying the history under the draft: {name}")
                if name in _FITS:
                    fits.run_on(connection, _FITS[name], night["as_of_date"])
                    continue
                if name == dated.NAME:
                    dated.fill(
                        connection,
                        value,
                        night["as_of_date"],
                        trial.paths.tmp,
                        _NIGHT,
                        lambda day: listener(f"Asking what customers were worth on {day}"),
                    )
                    continue
                kind, place, sql = (nodes[name][part] for part in ("kind", "place", "sql"))
                connection.execute(f"create or replace {kind} {place} as {sql}")
            return _figures(connection, night, draft, version, is_replayed, moves_file)


# ---- the models


def _projects(draft: Path) -> bool:
    """Whether a rule of the draft looks at what is projected."""
    policy = read_policy(draft)
    kinds = {policy.metrics[row["metric"]]["kind"] for row in policy.rules}
    return "projection" in kinds


def _compile(
    trial: Settings, as_of_date: date, given: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], dated.Models]:
    """What lies between the night and the targets: by name, place, SQL and parents.

    Models are compiled; a fit has no SQL and stands between what it reads and what reads it. So do
    the values of other dates; the models that these are made of come second.
    """
    wanted = (*_TARGETS, *_READ_BY_FITS)
    nodes = compile_models(trial, wanted, dated.ANY_NIGHT)
    value = dated.value_models(trial, nodes)
    by_name = {
        node["name"]: node for node in nodes.values() if node["resource_type"] in ("model", "seed")
    }
    needed, found = list(_TARGETS), {}
    while needed:
        name = needed.pop()
        if name in found:
            continue
        node = by_name[name]
        is_given = name in given or node["resource_type"] == "seed"
        keys = [] if is_given else node["depends_on"]["nodes"]
        parents = [nodes[key]["name"] for key in keys if key in nodes]
        sql = ""
        if not is_given:
            sql = dated.at(compiled_sql(trial, node), as_of_date, as_of_date)
            sql = sql.replace('"warehouse"."raw".', f"{_NIGHT}.raw.")
        found[name] = {
            "place": f"{node['database']}.{node['schema']}.{node['alias']}",
            "schema": f"{node['database']}.{node['schema']}",
            "kind": "view" if node["config"]["materialized"] == "view" else "table",
            "types": node["config"]["column_types"] if node["resource_type"] == "seed" else {},
            "file": Path(node["original_file_path"]),
            "parents": parents,
            "sql": sql,
            "given": is_given,
        }
        needed += parents
        tables = {key.rsplit(".", 1)[1] for key in keys if key.startswith(_FITTED)}
        for fit in (fit for fit in fits.EARLY if tables & {*fit.writes}):
            found[name]["parents"].append(fit.name)
            reads = [table.rsplit(".", 1)[1] for table in fit.reads]
            found[fit.name] = {**_NO_TABLE, "parents": reads}
            needed += reads
        if dated.NAME in tables:
            found[name]["parents"].append(dated.NAME)
            found[dated.NAME] = {**_NO_TABLE, "parents": [_DATES]}
            needed.append(_DATES)
    return found, value


def _order(nodes: dict[str, dict[str, Any]]) -> list[str]:
    """The models to build, each after what it reads."""
    graph = {name: node["parents"] for name, node in nodes.items()}
    return [name for name in TopologicalSorter(graph).static_order() if not nodes[name]["given"]]


def _look_at(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Attach the last night, to be read only."""
    paths = settings.paths
    connection.execute(f"attach {sql_path(paths.warehouse)} as {_NIGHT} (read_only)")
    connection.execute(f"attach {sql_path(paths.build)} as {_NIGHT}_marts (read_only)")


def _fill(
    connection: duckdb.DuckDBPyConnection,
    nodes: dict[str, dict[str, Any]],
    draft: Path,
    as_of_date: date,
) -> tuple[bool, str]:
    """Show the night to the models, and the draft as their policy; tell how it is replayed."""
    for schema in sorted({node["schema"] for node in nodes.values() if node["schema"]}):
        connection.execute(f"create schema if not exists {schema}")
    for name, node in nodes.items():
        if node["types"]:
            columns = ", ".join(f"{column} {kind}" for column, kind in node["types"].items())
            connection.execute(f"create table {node['place']} ({columns})")
            path = draft / node["file"].name
            if not path.exists():
                path = POLICY_DIR / node["file"].name
            if node["file"].name == EXCLUSIONS and not (draft / EXCLUSIONS).exists():
                continue  # a draft that names none has none
            # A draft may say more than the models ask.
            connection.execute(
                f"insert into {node['place']} by name "
                f"select columns(lambda name: name in {[*node['types']]}) "
                f"from read_csv({sql_path(path)}, header = true, all_varchar = true)"
            )
        elif node["given"]:
            schema = node["schema"].split(".")[1]
            home = f"{_NIGHT}_marts" if schema == "marts" else _NIGHT
            connection.execute(
                f"create view {node['place']} as select * from {home}.{schema}.{name}"
            )
    versions = nodes["policy_versions"]["place"]
    newest = max(read_policy(draft).versions, key=lambda row: row["effective_from"])
    begins = newest.date("effective_from")
    if begins and begins > as_of_date:
        name = newest["policy_version"]
        connection.execute(f"delete from {versions} where policy_version <> ?", [name])
        connection.execute(f"update {versions} set effective_from = ?", [_ALWAYS])
        return True, name
    in_force = one(
        connection,
        f"select policy_version from {versions} where effective_from <= ? "
        "and (effective_to is null or effective_to > ?)",
        [as_of_date, as_of_date],
    )
    if in_force is None:
        raise UserError(f"the draft has no version in force on the night of {as_of_date}")
    return False, in_force[0]


# ---- the figures


def _figures(
    connection: duckdb.DuckDBPyConnection,
    night: dict[str, Any],
    draft: Path,
    draft_version: str,
    is_replayed: bool,
    moves_file: Path | None,
) -> Simulation:
    connection.execute(
        f"create temp table compared as select was.customer_id, was.tier as tier, "
        "was.tier_rank as tier_rank, becomes.tier as draft_tier, "
        "becomes.tier_rank as draft_tier_rank, value.cm2_12m, value.gross_revenue_12m, "
        "value.orders_12m "
        f"from {_NIGHT}_marts.marts.customer_tiers as was "
        "join vip_sms.marts.customer_tiers as becomes using (customer_id) "
        "join vip_sms.marts.customer_value as value using (customer_id) where not value.is_test"
    )
    active, (low, high, limit) = _active(connection), _limits(connection)
    now = _tiers(connection, "tier", night["policy_version"], POLICY_DIR, active)
    then = _tiers(connection, "draft_tier", draft_version, draft, active)
    moves = connection.execute(
        "select tier, draft_tier, count(*) from compared where tier <> 'none' "
        "or draft_tier <> 'none' group by all order by min(tier_rank), min(draft_tier_rank)"
    ).fetchall()
    joiners, leavers = one(
        connection,
        "select count(*) filter (tier_rank = 0 and draft_tier_rank > 0), "
        "count(*) filter (tier_rank > 0 and draft_tier_rank = 0) from compared",
    ) or (0, 0)
    catalogs = {"draft": "vip_sms", "now": f"{_NIGHT}_marts"}
    history = sorted(
        share
        for policy, catalog in catalogs.items()
        for share in _shares(connection, policy, catalog)
    )
    if moves_file:
        _write_moves(connection, moves_file)
    return Simulation(
        night["as_of_date"],
        night["policy_version"],
        draft_version,
        is_replayed,
        active,
        now,
        then,
        moves,
        joiners,
        leavers,
        history,
        warnings_of(then, low, high, limit),
    )


def _active(connection: duckdb.DuckDBPyConnection) -> int:
    (found,) = one(
        connection,
        "select count(*) from vip_sms.marts.customer_value where orders_12m > 0 and not is_test",
    ) or (0,)
    return found


def _limits(connection: duckdb.DuckDBPyConnection) -> tuple[float, float, float]:
    rows = dict(
        connection.execute(
            f"select parameter, value::double from {_NIGHT}.policy.policy_parameters "
            "where parameter like 'vip_share_%'"
        ).fetchall()
    )
    return rows["vip_share_low"], rows["vip_share_high"], rows["vip_share_limit"]


def _shares(
    connection: duckdb.DuckDBPyConnection, policy: str, catalog: str
) -> list[tuple[date, str, float]]:
    """Month by month the share of active customers who hold a tier by the history of a catalog."""
    return connection.execute(
        f"""
        select month_end_date, ?, sum(active_members_at_end) / min(active_customers)
        from {catalog}.marts.tier_movements
        where active_customers > 0
        group by month_end_date
        order by month_end_date""",
        [policy],
    ).fetchall()


def _tiers(
    connection: duckdb.DuckDBPyConnection, column: str, version: str, folder: Path, active: int
) -> list[TierFigures]:
    policy = read_policy(folder)
    ranks = {
        row["tier"]: int(row["tier_rank"])
        for row in policy.rules
        if row["policy_version"] == version
    }
    sums = {
        tier: figures
        for tier, *figures in connection.execute(
            f"select {column}, count(*), count(*) filter (orders_12m > 0), "
            "coalesce(sum(orders_12m), 0)::bigint, coalesce(sum(cm2_12m), 0)::double, "
            "coalesce(sum(gross_revenue_12m), 0)::double from compared group by all"
        ).fetchall()
    }
    found = []
    for tier, rank in sorted(ranks.items(), key=lambda item: item[1]):
        members, buyers, orders, margin, gross = sums.get(tier, (0, 0, 0, 0.0, 0.0))
        granted = [
            row
            for row in policy.benefits
            if (row["policy_version"], row["tier"]) == (version, tier)
        ]
        cost = sum(
            float(row.number("unit_cost") or 0) * (orders if row["unit"] == "order" else members)
            for row in granted
        )
        discounts = [float(row["amount"]) for row in granted if row["kind"] == "discount"]
        found.append(
            TierFigures(
                tier,
                rank,
                members,
                buyers / active if active else 0.0,
                round(margin, 2),
                round(cost, 2),
                round(gross * max(discounts, default=0.0) / 100, 2),
            )
        )
    return found


def _require_place(path: Path) -> None:
    """Make the folder of a file; raise `UserError` where it cannot be written to."""
    fault = f"{path.parent} is no folder that can be written to"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise UserError(f"cannot write who moves to {path}: {fault}") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        fault = "it is a folder" if path.is_dir() else fault
        raise UserError(f"cannot write who moves to {path}: {fault}")


def _write_moves(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rows = connection.execute(
        "select customer_id, tier, draft_tier from compared where tier <> draft_tier order by all"
    ).fetchall()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("customer_id", "tier", "draft_tier"))
        writer.writerows(rows)


def warnings_of(tiers: Sequence[TierFigures], low: float, high: float, limit: float) -> list[str]:
    """What about the shape of a programme its owner should know; shares are of active customers."""
    # Shares of whole customers may add up to a hair less than a tenth.
    share = round(sum(tier.share_of_active for tier in tiers), 9)
    told = []
    if share > limit:
        told.append(f"{share:.1%} of active customers are VIPs: above {limit:.0%} a night stops")
    elif share > high:
        told.append(
            f"{share:.1%} of active customers are VIPs: above {high:.0%} it is less exclusive"
        )
    elif share < low:
        told.append(f"{share:.1%} of active customers are VIPs: below {low:.0%} it is out of reach")
    told += [f"nobody holds {tier.tier}" for tier in tiers if not tier.members]
    told += [
        f"{above.tier} has more members than {below.tier}, the tier below"
        for below, above in pairwise(tiers)
        if above.members > below.members
    ]
    told += [
        f"{tier.tier}: benefits may cost {tier.benefit_cost:,.0f}, its margin is "
        f"{tier.margin_12m:,.0f}"
        for tier in tiers
        if tier.benefit_cost > tier.margin_12m and tier.members
    ]
    return told
