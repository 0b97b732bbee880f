"""How figures look in a terminal. What they are is decided elsewhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from orchestration.erasure.forgetting import Receipt
    from orchestration.explain import Explanation
    from orchestration.landing import LandingReport
    from orchestration.nightly import Outcome
    from orchestration.quality import CheckResult
    from orchestration.settings import Settings
    from orchestration.simulate import Simulation
    from orchestration.summary import Summary
    from orchestration.sync import Plan, Pushed
    from orchestration.sync.doctor import Examined

_BAR = 24
_WIDE = 140


def print_night(settings: Settings, night: Summary, outcome: Outcome, seconds: float) -> None:
    """The night in figures: people, checks, files."""
    console = _console()
    brand = "the sample brand" if night.is_sample else "the brand"
    console.print(
        f"\n[bold]{brand.capitalize()} on {night.as_of_date}[/bold]  "
        f"[dim]policy {night.policy_version}, {night.reporting_currency}[/dim]\n"
    )
    table = _plain_table()
    table.add_row(
        "Customers",
        f"{night.customers:,}",
        f"{night.customers_active:,} bought in the last 12 months",
    )
    active = f"{night.vips_active:,} among those who bought: {night.vip_share:.1%}"
    table.add_row("VIPs", f"{night.vips:,}", active)
    widest = max((tier.customers for tier in night.tiers), default=1)
    for tier in night.tiers:
        bar = "█" * max(1, round(_BAR * tier.customers / widest)) if tier.customers else ""
        table.add_row(
            f"  {tier.tier.capitalize()}",
            f"{tier.customers:,}",
            f"{tier.share:.1%} [blue]{bar}[/blue]",
        )
    table.add_row("Audience tonight", f"[bold]{night.audience:,}[/bold]", "VIPs who may be texted")
    table.add_row("Held out", f"{night.holdout:,}", "never texted for promotion: the yardstick")
    for each in night.exclusions:
        if each.audience_id != "vip":
            continue
        table.add_row(
            f"  [dim]not: {each.reason_code.replace('_', ' ')}[/dim]",
            f"[dim]{each.customers:,}[/dim]",
            f"[dim]{each.description}[/dim]",
        )
    table.add_row("E-mail segment", f"{night.mailed:,}", "VIPs whom the e-mail platform may know")
    console.print(table)
    _print_occasions(console, night)

    checks = f"\nChecks  [green]{outcome.count('passed'):,} passed[/green]"
    if outcome.count("warned"):
        checks += f", [yellow]{outcome.count('warned')} warned[/yellow]"
    console.print(checks)
    for check in outcome.checks:
        if check.state != "passed":
            told = f": {check.told}" if check.told else f" [dim]{check.asset}[/dim]"
            console.print(f"  [yellow]! {check.name.replace('_', ' ')}[/yellow]{told}")
    console.print(
        f"Data    {night.rows_read:,} rows read, {night.rows_rejected:,} rejected\n"
        + "\n".join(_delivered(outcome))
    )
    paths = settings.paths
    console.print("\nWhere things lie")
    for name, path in (
        ("marts for BI", paths.published),
        ("files to pick up", paths.exports / night.as_of_date.isoformat()),
        ("what would be sent", paths.outbox / night.as_of_date.isoformat()),
        ("quality page", paths.quality / f"{night.as_of_date}.html"),
    ):
        if path.exists():
            console.print(f"  {name:<20}{_short(path)}", soft_wrap=True)
    console.print(f"\n[dim]{seconds:.0f} s. The graph and its history: make dev[/dim]")


def _print_occasions(console: Console, night: Summary) -> None:
    """The occasions to write that concern somebody tonight, and what became of them."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Occasions tonight", no_wrap=True, min_width=27)
    for name in ("texted", "held out", "left out"):
        table.add_column(name, justify="right")
    for each in night.audiences:
        if each.state == "live":
            counts = (f"{count:,}" for count in (each.members, each.held_out, each.excluded))
            table.add_row(f"  {each.audience_id.replace('_', ' ')}", *counts)
    if table.row_count:
        console.print()
        console.print(table)
    for state, told in (("nobody", "Nobody meets"), ("no data", "Without their tables")):
        names = [
            each.audience_id.replace("_", " ") for each in night.audiences if each.state == state
        ]
        if names:
            console.print(f"  [dim]{told}: {', '.join(names)}[/dim]")


def _delivered(outcome: Outcome) -> Iterator[str]:
    """A line for each destination that was pushed to."""
    for step, told in outcome.metadata.items():
        name = step.removeprefix("push_")
        if name == step:
            continue
        said = ", ".join(
            f"{told.get(each, 0):,} {each}" for each in ("added", "changed", "removed")
        )
        yield f"{name.capitalize():<8}{said if told.get('sent', True) else told['why']}"


def print_plan(plan: Plan, pushed: Pushed | None = None) -> None:
    """A plan by audience: what would change, for which tier and why; or what has been sent."""
    console = _console()
    title = "sent" if pushed else "would be sent"
    console.print(f"[bold]{plan.destination}, night of {plan.as_of_date}[/bold]: what {title}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("list", "action", "tier", "reason"):
        table.add_column(name)
    table.add_column("customers", justify="right")
    colours = {
        "add": "green",
        "change": "blue",
        "remove": "red",
        "waiting": "dim",
        "parked": "yellow",
    }
    for row in plan.summary():
        if row["action"] != "unchanged":
            colour = colours[str(row["action"])]
            table.add_row(
                str(row["audience"]),
                f"[{colour}]{row['action']}[/{colour}]",
                str(row["tier"] or ""),
                str(row["reason"]).replace("_", " "),
                f"{row['customers']:,}",
            )
    if table.row_count:
        console.print(table)
    counts = plan.counts()
    console.print(
        f"{counts['add']:,} to add, {counts['change']:,} to change, "
        f"{counts['remove']:,} to remove; {counts['unchanged']:,} stay as they are"
    )
    for name, why in (
        ("waiting", "for an answer"),
        ("parked", "refused before, until data change"),
    ):
        if counts[name]:
            console.print(f"{counts[name]:,} {name}: {why}")
    if pushed:
        console.print(
            f"{pushed.accepted:,} accepted, {pushed.pending:,} pending, {pushed.failed:,} failed"
        )
        if pushed.opted_out:
            console.print(f"{pushed.opted_out:,} not added: they said stop at the platform")
        for name, drift in pushed.drift.items():
            if drift["beyond"] or drift["left"]:
                console.print(
                    f"{name}: {drift['beyond']:,} stood there undecided, {drift['left']:,} left"
                )


def print_doctor(found: list[Examined]) -> None:
    """What was found at each destination, and what its ledger holds."""
    console = _console()
    for each in found:
        console.print(f"[bold]{each.destination}[/bold]  [dim]{each.description}[/dim]")
        for finding in each.findings:
            sign = "[green]✓[/green]" if finding.is_good else "[red]✗[/red]"
            console.print(f"  {sign} {finding.what}: {finding.told}")
        held = ", ".join(f"{name} {count:,}" for name, count in each.held.items()) or "nothing"
        console.print(f"  [dim]by the ledger it holds {held}[/dim]")


def print_explanation(told: Explanation) -> None:
    """One customer: the tier and its numbers, what comes next, the audiences, the history."""
    console = _console()
    console.print(
        f"[bold]{told.customer_id}[/bold] on {told.as_of_date}: [bold]{told.tier.capitalize()}"
        f"[/bold]{_since(told)}"
    )
    if told.standing and told.value:
        _print_standing(console, told)
    else:
        console.print("[dim]A look back: the numbers are known on the night of the marts.[/dim]")
    if told.history:
        console.print("\nHistory")
        table = _plain_table()
        for span in reversed(told.history):
            until = f"to {span.valid_to}" if span.valid_to else "on"
            table.add_row(
                f"  {span.valid_from} {until}",
                span.tier.capitalize(),
                f"[dim]{span.change_reason.replace('_', ' ')}, policy {span.policy_version}[/dim]",
            )
        console.print(table)


def _since(told: Explanation) -> str:
    if not told.history:
        return "; no tier was ever held"
    last = told.history[-1]
    return f" since {last.valid_from}, {last.change_reason.replace('_', ' ')}"


def _print_standing(console: Console, told: Explanation) -> None:
    standing, value = told.standing or {}, told.value or {}
    kept_out = standing.get("exclusion_id")
    if kept_out:
        why = kept_out.replace("_", " ")
        console.print(f"[yellow]Kept out of every tier by the policy: {why}[/yellow]")
    if value.get("is_test"):
        console.print("[yellow]Staff or test account: never texted[/yellow]")
    console.print("\nRules")
    table = _plain_table()
    signs = {True: "[green]✓[/green]", False: "[dim]✗[/dim]", None: "[dim]?[/dim]"}
    choices = Counter(rule.tier for rule in told.rules if rule.combiner == "any")
    for rule in told.rules:
        has = "not known" if rule.value is None else f"{rule.value:,.2f}"
        asks = "nothing yet" if rule.threshold is None else f"{rule.threshold:,.2f}"
        word = "at most place" if rule.metric == "rank_blend" else "at least"
        enough = "; one is enough" if choices[rule.tier] > 1 else ""
        asked = f"; as of {rule.measured_on}" if rule.measured_on else ""
        table.add_row(
            f"  {signs[rule.is_met]} {rule.tier.capitalize()}",
            has,
            f"{rule.metric.replace('_', ' ')}, {word} {asks} "
            f"[dim]{rule.unit or ''}{asked}{enough}[/dim]",
        )
    console.print(table)

    console.print("\nNext")
    if kept_out:
        console.print("  no tier while that holds")
    elif standing.get("next_tier"):
        gap = standing["spend_to_next_tier"]
        missing = f", {gap:,.2f} {told.currency} to go" if gap is not None else ""
        console.print(
            f"  {standing['next_tier'].capitalize()}: "
            f"{standing['progress_to_next_tier']:.0%} of the way{missing}"
        )
    for event in told.next_events():
        spend = event["spend_to_prevent_it"]
        unless = f" unless {spend:,.2f} {told.currency} are spent" if spend is not None else ""
        console.print(f"  {event['on']}: {event['what']}{unless}")
    if not kept_out and not standing.get("next_tier") and not told.next_events():
        console.print("  nothing: the highest tier, and no demotion in sight")

    console.print("\nAudiences")
    colours = {"member": "green", "holdout": "yellow", "excluded": "red"}
    table = _plain_table()
    for audience in told.audiences:
        colour = colours.get(audience.decision, "dim")
        table.add_row(
            f"  {audience.audience_id}",
            f"[{colour}]{audience.decision}[/{colour}]",
            f"{audience.why}: {audience.winner}" if audience.winner else audience.why,
        )
    console.print(table if told.audiences else "  none: no audience's condition is met")


def print_check(
    report: LandingReport, rejects: list[dict[str, Any]], results: list[CheckResult]
) -> None:
    """What landed, what did not, and how it was judged."""
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("table")
    for name in ("files", "read", "loaded", "rejected", "duplicates", "erased"):
        table.add_column(name, justify="right")
    table.add_column("unknown columns")
    for name in dict.fromkeys(file.table_name for file in report.files):
        files = [file for file in report.files if file.table_name == name]
        rejected = sum(file.rows_rejected for file in files)
        duplicates = sum(file.exact_duplicates for file in files)
        erased = sum(file.rows_erased for file in files)
        unknown = sorted({file.unknown_columns for file in files if file.unknown_columns})
        table.add_row(
            name,
            f"{len(files):,}",
            f"{sum(file.rows_read for file in files):,}",
            f"{sum(file.rows_loaded for file in files):,}",
            f"[yellow]{rejected:,}[/yellow]" if rejected else "",
            f"{duplicates:,}" if duplicates else "",
            f"{erased:,}" if erased else "",
            ", ".join(unknown),
        )
    console.print(table)
    if report.unused_files:
        console.print(f"Files that no table claims: {', '.join(report.unused_files)}")
    if rejects:
        console.print("\nMost frequent rejects")
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("rows", justify="right")
        for name in ("table", "column", "reason", "example", "first"):
            table.add_column(name)
        for row in rejects:
            table.add_row(
                f"{row['rows']:,}",
                row["table"],
                row["column"] or "",
                row["reason"],
                row["example"],
                row["first"],
            )
        console.print(table)
    console.print()
    for result in results:
        sign = "[green]✓[/green]" if result.passed else "[yellow]![/yellow]"
        if result.stops:
            sign = "[red]✗[/red]"
        told = "" if result.passed else f": {result.observed}, expected {result.expected}"
        console.print(f"{sign} {result.spec.name.replace('_', ' ')}{told}")
    console.print(
        f"\n{report.rows_read:,} rows read as of {report.as_of_date}: "
        f"{report.rows_loaded:,} loaded, {report.rows_rejected:,} rejected, "
        f"{report.exact_duplicates:,} exact duplicates, {report.rows_erased:,} erased"
    )


def print_receipt(receipt: Receipt) -> None:
    """What was erased where, what each platform said, and where that is written."""
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("place")
    table.add_column("rows", justify="right")
    for place, rows in receipt.erased.items():
        table.add_row(place, f"{rows:,}")
    console.print(f"Erased: {receipt.asked_by}")
    console.print(table)
    for name, what in receipt.platforms.items():
        console.print(f"{name}: {what}")
    console.print(f"Receipt in {receipt.path}")


def print_simulation(made: Simulation, moves: Path | None = None) -> None:
    """A draft of the policy beside the one in force: shares, money, who moves, what to mind."""
    console = _console()
    console.print(
        f"\n[bold]Policy {made.draft_version} beside {made.policy_version}, "
        f"night of {made.as_of_date}[/bold]"
    )
    if made.is_replayed_from_the_start:
        console.print("[dim]it is to begin later, and is replayed as if it had always ruled[/dim]")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("policy", "tier"):
        table.add_column(name)
    for name in ("members", "of active", "margin 12m", "benefits at full use", "discount at most"):
        table.add_column(name, justify="right")
    for policy, tiers in (("now", made.now), ("draft", made.draft)):
        for tier in tiers:
            table.add_row(
                policy,
                tier.tier,
                f"{tier.members:,}",
                f"{tier.share_of_active:.1%}",
                f"{tier.margin_12m:,.0f}",
                f"{tier.benefit_cost:,.0f}",
                f"{tier.discount_at_most:,.0f}",
            )
        total = sum(tier.members for tier in tiers)
        share = sum(tier.share_of_active for tier in tiers)
        table.add_row(policy, "[bold]all[/bold]", f"[bold]{total:,}[/bold]", f"{share:.1%}")
    console.print(table)

    names = ["none", *dict.fromkeys(tier.tier for tier in made.draft)]
    rows = ["none", *dict.fromkeys(tier.tier for tier in made.now)]
    counts = {(was, becomes): customers for was, becomes, customers in made.moves}
    matrix = Table(box=None, pad_edge=False, header_style="dim", title_justify="left")
    matrix.add_column("from / to")
    for name in names:
        matrix.add_column(name, justify="right")
    for was in rows:
        cells = [counts.get((was, becomes), 0) for becomes in names]
        matrix.add_row(was, *(f"{cell:,}" if cell else "[dim]·[/dim]" for cell in cells))
    console.print()
    console.print(matrix)
    console.print(f"\n{made.joiners:,} would join, {made.leavers:,} would leave")
    for warning in made.warnings:
        console.print(f"[yellow]![/yellow] {warning}")
    if moves:
        console.print(f"[dim]who moves: {_short(moves)}[/dim]")


def _console() -> Console:
    """A console that does not squeeze its tables when the output goes to a file or a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def _plain_table() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="ellipsis")
    return table


def _short(path: Path) -> str:
    """A path as one would type it: relative where it lies below the working folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
