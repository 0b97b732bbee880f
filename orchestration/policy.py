"""The written policy as files: what contradicts itself is found here, row by row, before it rules.

Reads CSV files and returns what is wrong with them; it touches no warehouse. The models trust what
passed. Used by `vip check`, by the night before anything is landed, and by `vip simulate`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby, pairwise
from pathlib import Path

from orchestration.errors import UserError
from orchestration.settings import PROJECT_DIR

POLICY_DIR = PROJECT_DIR / "seeds" / "policy"
VERSIONS, RULES, BENEFITS, EXCLUSIONS = (
    "policy_versions.csv",
    "tier_rules.csv",
    "tier_benefits.csv",
    "tier_exclusions.csv",
)
REGISTRY = "tier_metrics.csv"
DRAFTED = (VERSIONS, RULES, BENEFITS)
"""What a draft must bring; exclusions may be left out, and the metrics are those of the models."""

_COLUMNS = {
    VERSIONS: "policy_version effective_from effective_to owner approver approved_on review_on "
    "qualifying_spend_basis qualification_period grace_months demotion_cadence demotion_mode "
    "reevaluation",
    RULES: "policy_version tier tier_rank combiner metric rule threshold weight unit",
    BENEFITS: "policy_version tier benefit_id kind amount unit unit_cost",
    EXCLUSIONS: "policy_version exclusion_id metric rule threshold unit",
    REGISTRY: "metric kind unit place_of",
}
# As every engine reads them: no 2_000, no 20260701.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?(?=[.0-9])[0-9]{0,14}(\.[0-9]+)?")
_CADENCE = re.compile(r"weekly|monthly|quarterly|yearly|every_[1-9]\d?_months")
_CHOICES = {
    "qualifying_spend_basis": ("gross", "net_of_discounts", "net_of_discounts_and_returns"),
    "qualification_period": ("rolling_12_months", "calendar_year"),
    "demotion_mode": ("soft_landing", "drop"),
    "combiner": ("all", "any", "rank_blend"),
    "rule": ("at_least", "top_share"),
}


@dataclass(frozen=True)
class Problem:
    """One fault: the file, the line in it (0: the file as a whole), what names the row."""

    file: str
    line: int
    row: str
    fault: str

    def __str__(self) -> str:
        """The fault in one line, the place first."""
        place = f"{self.file} line {self.line}" if self.line else self.file
        return f"{place} ({self.row}): {self.fault}" if self.row else f"{place}: {self.fault}"


@dataclass(frozen=True)
class Row:
    """One row of a policy file, its cells stripped."""

    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """The cell of a column; empty where the file has none."""
        return self.cells.get(column, "")

    def date(self, column: str) -> date | None:
        """The date in a column, written 2026-07-01; None where it is empty or none."""
        try:
            return date.fromisoformat(self[column]) if _DATE.fullmatch(self[column]) else None
        except ValueError:
            return None

    def number(self, column: str) -> Decimal | None:
        """The number in a column, to the four decimals that are kept; None where there is none."""
        if not _NUMBER.fullmatch(self[column]):
            return None
        return Decimal(self[column]).quantize(Decimal("0.0001"), ROUND_HALF_UP)

    def whole(self, column: str) -> int | None:
        """The whole number in a column; None where it is empty or none."""
        return int(self[column]) if re.fullmatch(r"-?[0-9]{1,6}", self[column]) else None

    def problem(self, fault: str) -> Problem:
        """A fault of this row."""
        names = (self["policy_version"], self["tier"], self["benefit_id"], self["exclusion_id"])
        return Problem(self.file, self.line, " ".join(name for name in names if name), fault)


@dataclass
class Policy:
    """The rows of a policy folder, and what was wrong with the files themselves."""

    versions: list[Row] = field(default_factory=list)
    rules: list[Row] = field(default_factory=list)
    benefits: list[Row] = field(default_factory=list)
    exclusions: list[Row] = field(default_factory=list)
    metrics: dict[str, Row] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def require_sound(folder: Path | None = None) -> None:
    """Raise `UserError` with file, line and fault of what contradicts itself in `folder`.

    Without a folder it is the written policy of this project.
    """
    folder = folder or POLICY_DIR
    if not folder.is_dir():
        raise UserError(f"there is no folder of policy files at {folder}")
    problems = find_problems(folder)
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        shown = "; ".join(str(problem) for problem in problems[:3])
        raise UserError(f"the policy in {folder.resolve().name} contradicts itself: {shown}{more}")


def require_in_force(night: date, folder: Path | None = None) -> None:
    """Raise `UserError` where no version of a sound policy rules on `night`.

    Without a policy nobody holds a tier: such a night would take everybody off every list.
    """
    folder = folder or POLICY_DIR
    first = min(read_policy(folder).versions, key=lambda row: row.date("effective_from"))
    if first.date("effective_from") > night:
        begins = first.problem(f"the first version begins on {first['effective_from']}")
        raise UserError(f"no policy rules on {night}: {begins}")


def find_problems(folder: Path) -> list[Problem]:
    """Every fault of the policy in `folder`, in the order of its files; empty where it is sound."""
    policy = read_policy(folder)
    if policy.problems:
        return policy.problems
    checks: Sequence[Callable[[Policy], Iterator[Problem]]] = (
        _versions,
        _succession,
        _rules,
        _ladders,
        _benefits,
        _exclusions,
    )
    return [problem for check in checks for problem in check(policy)]


def read_policy(folder: Path) -> Policy:
    """Read the policy files of `folder`; a file or column that is missing is a problem of it."""
    policy = Policy()
    if not folder.is_dir():
        policy.problems.append(Problem(str(folder), 0, "", "there is no such folder"))
        return policy
    policy.versions = _read(folder / VERSIONS, policy.problems)
    policy.rules = _read(folder / RULES, policy.problems)
    policy.benefits = _read(folder / BENEFITS, policy.problems)
    if (folder / EXCLUSIONS).exists():
        policy.exclusions = _read(folder / EXCLUSIONS, policy.problems)
    registry = _read(POLICY_DIR / REGISTRY, policy.problems)
    policy.metrics = {row["metric"]: row for row in registry}
    return policy


def _read(path: Path, problems: list[Problem]) -> list[Row]:
    try:
        # A spreadsheet may begin its UTF-8 with a mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            known = _COLUMNS[path.name].split()
            missing = set(known) - set(reader.fieldnames or ())
            if missing:
                fault = f"lacks the column {', '.join(sorted(missing))}"
                problems.append(Problem(path.name, 1, "", fault))
                return []
            rows = []
            for cells in reader:
                if None in cells or None in cells.values():
                    fault = "does not have as many cells as the first line names columns"
                    problems.append(Problem(path.name, reader.line_num, "", fault))
                    continue
                stripped = {name: cell.strip() for name, cell in cells.items()}
                row = Row(path.name, reader.line_num, stripped)
                # The models take a cell as it stands: to them `gold ` is another tier than `gold`.
                problems += [
                    row.problem(f"{name} begins or ends with a blank")
                    for name in known
                    if row[name] != cells[name]
                ]
                rows.append(row)
            return rows
    except FileNotFoundError:
        problems.append(Problem(path.name, 0, "", "is not in the folder"))
    except (csv.Error, UnicodeDecodeError) as error:
        problems.append(Problem(path.name, 0, "", f"cannot be read: {error}"))
    return []


def _choice(row: Row, column: str) -> Iterator[Problem]:
    known = _CHOICES[column]
    if row[column] not in known:
        yield row.problem(f"{column} is {row[column] or 'empty'}, not one of {', '.join(known)}")


def _versions(policy: Policy) -> Iterator[Problem]:
    if not policy.versions:
        yield Problem(VERSIONS, 0, "", "holds no version")
    first = min((row["effective_from"] for row in policy.versions), default="")
    for row in policy.versions:
        if not row["policy_version"]:
            yield row.problem("has no policy_version")
        for column in ("effective_from", "approved_on", "review_on"):
            if row.date(column) is None:
                yield row.problem(f"{column} is {row[column] or 'empty'}, not a date")
        if row["effective_to"] and row.date("effective_to") is None:
            yield row.problem(f"effective_to is {row['effective_to']}, neither empty nor a date")
        for column in ("owner", "approver"):
            if not row[column]:
                yield row.problem(f"has no {column}: an unapproved version may not be in force")
        begins, approved = row.date("effective_from"), row.date("approved_on")
        # The oldest may be approved later: it also rules the history before there was a programme.
        if begins and approved and approved > begins and row["effective_from"] != first:
            yield row.problem("was approved after it came into force")
        review = row.date("review_on")
        if review and approved and review <= approved:
            yield row.problem("is not to be looked at again after its approval")
        for column in ("qualifying_spend_basis", "qualification_period", "demotion_mode"):
            yield from _choice(row, column)
        if (row.whole("grace_months") or 0) < 0 or row.whole("grace_months") is None:
            yield row.problem(f"grace_months is {row['grace_months'] or 'empty'}, not 0 or more")
        if row["demotion_cadence"] != "daily":
            yield from _cadence(row, "demotion_cadence")
        yield from _cadence(row, "reevaluation")
    yield from _twice(policy.versions, ("policy_version",))


def _cadence(row: Row, column: str) -> Iterator[Problem]:
    if not _CADENCE.fullmatch(row[column]):
        daily = "daily, " if column == "demotion_cadence" else ""
        yield row.problem(
            f"{column} is {row[column] or 'empty'}, not one of {daily}weekly, monthly, quarterly, "
            "yearly, every_<n>_months"
        )


def _succession(policy: Policy) -> Iterator[Problem]:
    dated = [row for row in policy.versions if row.date("effective_from")]
    dated.sort(key=lambda row: row["effective_from"])
    for row in dated:
        ends = row.date("effective_to")
        if ends and ends <= (row.date("effective_from") or ends):
            yield row.problem("ends before it begins")
    for row, following in pairwise(dated):
        ends, begins = row.date("effective_to"), following.date("effective_from")
        if ends is None or (begins and ends > begins):
            yield row.problem(f"still rules when {following['policy_version']} begins")
        elif begins and ends < begins:
            yield row.problem(f"leaves days without a policy before {following['policy_version']}")
    if dated and dated[-1]["effective_to"]:
        yield dated[-1].problem("ends, and no version follows")


def _rules(policy: Policy) -> Iterator[Problem]:
    versions = {row["policy_version"] for row in policy.versions}
    for row in policy.rules:
        if row["policy_version"] not in versions:
            yield row.problem("belongs to no version")
        if not row["tier"] or row["tier"] == "none":
            yield row.problem("has no name of a tier (none is taken)")
        if (row.whole("tier_rank") or 0) < 1:
            yield row.problem(f"tier_rank is {row['tier_rank'] or 'empty'}, not 1 or more")
        yield from _choice(row, "combiner")
        yield from _choice(row, "rule")
        metric = policy.metrics.get(row["metric"])
        if metric is None:
            yield row.problem(f"metric {row['metric'] or '(empty)'} is not in {REGISTRY}")
        elif metric["kind"] == "state":
            yield row.problem(f"metric {row['metric']} excludes, and does not earn a tier")
        elif metric["place_of"]:
            better = f"the best is 1; write a top_share of {metric['place_of']}"
            yield row.problem(f"metric {row['metric']} is a place, {better}")
        yield from _threshold(row, metric)
        if row["weight"] and row["combiner"] != "rank_blend":
            yield row.problem("has a weight, which only a rank_blend reads")
        elif row["weight"] and (row.number("weight") or 0) <= 0:
            yield row.problem(f"weight is {row['weight']}, not above 0")
    yield from _twice(policy.rules, ("policy_version", "tier", "metric", "rule"))
    ruled = {row["policy_version"] for row in policy.rules}
    for row in policy.versions:
        if row["policy_version"] not in ruled:
            yield row.problem(f"has no tiers in {RULES}")


def _threshold(row: Row, metric: Row | None) -> Iterator[Problem]:
    threshold = row.number("threshold")
    if row["rule"] == "top_share":
        if threshold is None or not 0 < threshold < 1:
            yield row.problem(f"share {row['threshold'] or '(empty)'} is not between 0 and 1")
        unit = "share"
    else:
        if threshold is None or threshold <= 0:
            yield row.problem(f"threshold {row['threshold'] or '(empty)'} is not above 0")
        unit = metric["unit"] if metric else ""
    if not re.match(rf"{re.escape(unit)}\b" if unit else "", row["unit"]):
        yield row.problem(f"unit {row['unit'] or '(empty)'} is unknown here: it begins with {unit}")


def _ladders(policy: Policy) -> Iterator[Problem]:
    for _, rows in _by_version(policy.rules):
        ranked = [row for row in rows if row.whole("tier_rank")]
        yield from _ranks(ranked)
        tiers = [
            list(own)
            for _, own in groupby(
                sorted(ranked, key=lambda row: int(row["tier_rank"])),
                key=lambda row: row["tier_rank"],
            )
        ]
        for tier in tiers:
            yield from _combination(tier)
        for place, tier in enumerate(tiers):
            # From the next tier down: one that asks for something else lies between.
            below = list(reversed(tiers[:place]))
            for row in tier:
                yield from _asks_for_more(row, tier, below)


def _ranks(rows: Sequence[Row]) -> Iterator[Problem]:
    ranks = sorted({int(row["tier_rank"]) for row in rows})
    for row in rows:
        same_rank = {each["tier"] for each in rows if each["tier_rank"] == row["tier_rank"]}
        same_name = {each["tier_rank"] for each in rows if each["tier"] == row["tier"]}
        if len(same_rank) > 1:
            yield row.problem(f"shares rank {row['tier_rank']} with another tier")
        elif len(same_name) > 1:
            yield row.problem("has more than one rank")
        elif int(row["tier_rank"]) != ranks.index(int(row["tier_rank"])) + 1:
            yield row.problem("leaves a rank out below it: ranks are 1, 2, 3")


def _combination(rows: Sequence[Row]) -> Iterator[Problem]:
    first = rows[0]
    for row in rows[1:]:
        if row["combiner"] != first["combiner"]:
            yield row.problem(f"combines by {row['combiner']}, its first row {first['combiner']}")
    if first["combiner"] != "rank_blend":
        return
    for row in rows:
        if row["rule"] != "top_share":
            yield row.problem("a rank_blend takes a top_share of each metric")
        elif row["threshold"] != first["threshold"]:
            yield row.problem("a rank_blend has one share, the same on each of its rows")
    if len(rows) == 1:
        yield first.problem("a rank_blend of one metric is a top_share: name all")


def _asks_for_more(
    row: Row, tier: Sequence[Row], below: Iterable[Sequence[Row]]
) -> Iterator[Problem]:
    for lower_tier in below:
        lower = _same_rule(row, lower_tier)
        own, other = _asked(row), _asked(lower) if lower else None
        if lower is None or own is None or other is None:
            continue
        asked, of_lower = row["threshold"], f"{lower['threshold']} of {lower['tier']}, below it"
        if own < other or (own == other and not _asks_besides(row, tier, lower_tier)):
            name, order = (
                ("share", "below") if row["rule"] == "top_share" else ("threshold", "above")
            )
            as_a_whole = ", nor the tier harder as a whole" if own == other and tier[1:] else ""
            yield row.problem(f"{name} {asked} is not {order} the {of_lower}{as_a_whole}")
        return


def _asks_besides(row: Row, tier: Sequence[Row], lower_tier: Sequence[Row]) -> bool:
    """Whether a tier as hard by `row` as one below it is harder by what it asks for besides.

    Only where all of it must hold: of several ways into a tier, one that is level is as easy as
    the tier below. Of what the lower tier asks for together nothing may be left out.
    """
    ways = row["combiner"], lower_tier[0]["combiner"]
    if ways not in {("all", "all"), ("all", "any")}:
        return False
    others = [other for other in tier if other is not row]
    if ways[1] == "any":
        return bool(others)
    keeps = all(_at_least(_same_rule(lower, tier), lower) for lower in lower_tier)
    return keeps and any(not _at_least(_same_rule(other, lower_tier), other) for other in others)


def _at_least(row: Row | None, other: Row) -> bool:
    own, of_other = _asked(row) if row else None, _asked(other)
    return own is not None and of_other is not None and own >= of_other


def _same_rule(row: Row, tier: Iterable[Row]) -> Row | None:
    same = (
        other for other in tier if (other["metric"], other["rule"]) == (row["metric"], row["rule"])
    )
    return next(same, None)


def _asked(row: Row) -> Decimal | None:
    """What a rule asks for, more where it is harder: the smaller a share, the more."""
    threshold = row.number("threshold")
    return -threshold if threshold is not None and row["rule"] == "top_share" else threshold


def _benefits(policy: Policy) -> Iterator[Problem]:
    ranks = {
        (row["policy_version"], row["tier"]): row.whole("tier_rank") or 0 for row in policy.rules
    }
    for row in policy.benefits:
        if (row["policy_version"], row["tier"]) not in ranks:
            yield row.problem("is of a tier that the version does not have")
        if not row["benefit_id"] or not row["kind"]:
            yield row.problem("has no benefit_id or no kind")
        if (row.number("amount") or 0) <= 0:
            yield row.problem(f"amount {row['amount'] or '(empty)'} is not above 0")
        if row["unit_cost"] and (row.number("unit_cost") is None or row["unit_cost"][0] == "-"):
            yield row.problem(f"unit_cost {row['unit_cost']} is neither empty nor 0 or more")
    yield from _twice(policy.benefits, ("policy_version", "benefit_id"))
    promised: dict[tuple[str, int], dict[str, Decimal]] = {}
    for row in policy.benefits:
        rank = ranks.get((row["policy_version"], row["tier"]), 0)
        kinds = promised.setdefault((row["policy_version"], rank), {})
        kinds[row["kind"]] = max(row.number("amount") or Decimal(0), kinds.get(row["kind"], 0))
    told = set()
    for row in policy.rules:
        version, rank = row["policy_version"], row.whole("tier_rank") or 0
        own, below = promised.get((version, rank), {}), promised.get((version, rank - 1), {})
        adds = any(amount > below.get(kind, 0) for kind, amount in own.items())
        if not adds and (version, rank) not in told:
            told.add((version, rank))
            yield row.problem(f"the tier adds no benefit to the one below it ({BENEFITS})")


def _exclusions(policy: Policy) -> Iterator[Problem]:
    versions = {row["policy_version"] for row in policy.versions}
    for row in policy.exclusions:
        if row["policy_version"] not in versions:
            yield row.problem("belongs to no version")
        if not row["exclusion_id"]:
            yield row.problem("has no exclusion_id")
        if row["rule"] != "at_least":
            yield row.problem(f"rule is {row['rule'] or 'empty'}, not at_least")
        metric = policy.metrics.get(row["metric"])
        if metric is None:
            yield row.problem(f"metric {row['metric'] or '(empty)'} is not in {REGISTRY}")
        elif metric["kind"] == "projection":
            yield row.problem(f"metric {row['metric']} is a guess, and takes no tier away")
        if row["rule"] != "top_share":
            yield from _threshold(row, metric)
    yield from _twice(policy.exclusions, ("policy_version", "exclusion_id", "metric"))


def _by_version(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["policy_version"], []).append(row)
    yield from found.items()


def _twice(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(row[column] for column in columns)
        if key in seen:
            yield row.problem(f"stands on line {seen[key]} already ({', '.join(columns)})")
        seen.setdefault(key, row.line)
