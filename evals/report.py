"""The report of a run: a pure function of run.json and samples.jsonl, as a dict and as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from evals.metrics.calibration import brier_score, calibration_bins, expected_calibration_error
from evals.metrics.uncertainty import cluster_bootstrap, wilson_interval
from evals.runner import Record

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

CONFIDENT = 0.6
"""A wrong answer with at least this confidence misleads: it is counted apart."""


def summarise(described: dict[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    """Accuracy overall, by tier and by skill with 95 % intervals, calibration, targets, and what went wrong."""
    spec = described["spec"]
    return {
        "suite": spec["suite"],
        "commit": spec["commit"],
        "machine": described["machine"],
        "num_samples": len(records),
        "num_planned": len(spec["samples"]),
        "overall": _group(records),
        "tiers": {tier: _group(members) for tier, members in _by(records, "tier")},
        "skills": {skill: _group(members) for skill, members in _by(records, "skill")},
        "calibration": _calibration(records),
        "targets": [_target(target, records) for target in spec["targets"]],
        "wrong": [_told(record) for record in records if record.outcome == "wrong"],
        "abstained": [_told(record) for record in records if record.outcome == "abstained"],
        "failed": [_told(record) for record in records if record.outcome == "failed"],
        "seconds": sum(record.seconds for record in records),
    }


def _calibration(records: Sequence[Record]) -> dict[str, Any]:
    """Of the answers given: expected calibration error and Brier score, and the bins that hold any."""
    answered = [record for record in records if record.outcome in ("right", "wrong")]
    if not answered:
        return {"num": 0, "ece": None, "brier": None, "bins": []}
    confidences, right = [one.confidence for one in answered], [one.outcome == "right" for one in answered]
    return {
        "num": len(answered),
        "ece": expected_calibration_error(confidences, right),
        "brier": brier_score(confidences, right),
        "bins": [one._asdict() for one in calibration_bins(confidences, right) if one.num],
    }


def is_confident_wrong(record: Record) -> bool:
    return record.outcome == "wrong" and record.confidence >= CONFIDENT


def _by(records: Sequence[Record], key: str) -> Iterable[tuple[str, list[Record]]]:
    for value in dict.fromkeys(getattr(record, key) for record in records):
        yield value, [record for record in records if getattr(record, key) == value]


def _group(records: Sequence[Record]) -> dict[str, Any]:
    """Counts and accuracy (right of all) of some records."""
    counts = {name: sum(record.outcome == name for record in records) for name in _OUTCOMES}
    right, num = counts["right"], len(records)
    group: dict[str, Any] = {"num": num, **counts}
    group["uncertain"] = sum(record.status == "uncertain" for record in records)
    group["uncertain_right"] = sum(record.status == "uncertain" and record.outcome == "right" for record in records)
    group["confident_wrong"] = sum(map(is_confident_wrong, records))
    group["accuracy"] = right / num if num else None
    group["wilson"] = list(wilson_interval(right, num))
    if num:
        hits = [float(record.outcome == "right") for record in records]
        group["cluster_bootstrap"] = list(cluster_bootstrap(hits, [record.video for record in records]))
    return group


_OUTCOMES = ("right", "wrong", "abstained", "failed")


def _target(target: dict[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    """The figure with its bound; `ok` is None when no sample of the tier was asked."""
    members = [record for record in records if record.tier == target["tier"]]
    if target["metric"] == "accuracy":
        right = sum(record.outcome == "right" for record in members)
        value: float = right / len(members) if members else 0.0
        ok = value >= target["bound"]
    else:
        value = sum(map(is_confident_wrong, members))
        ok = value <= target["bound"]
    return {**target, "value": value, "num": len(members), "ok": ok if members else None}


def _told(record: Record) -> dict[str, Any]:
    """What a person needs to understand a sample that was not right."""
    keys = "id", "video", "tier", "skill", "question", "expected", "status", "answer", "value", "option", "confidence"
    told = {key: getattr(record, key) for key in keys}
    return told | ({"error": record.error} if record.error else {})


def render(summary: dict[str, Any]) -> Group:
    """The summary as rich tables."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_accuracy_table(summary)]
    wrong = [told for kind in ("wrong", "failed", "abstained") for told in summary[kind]]
    if wrong:
        parts.append(_errors_table(summary))
    if summary["calibration"]["num"]:
        parts.append(_calibration_table(summary["calibration"]))
    if summary["num_samples"] < summary["num_planned"]:
        parts.append(Text(f"unfinished: {summary['num_samples']} of {summary['num_planned']} samples", style="yellow"))
    parts.extend(_target_line(target) for target in summary["targets"])
    return Group(*parts)


def _accuracy_table(summary: dict[str, Any]) -> Table:
    from rich.table import Table

    title = f"{summary['suite']} at {summary['commit']}: {summary['num_samples']} samples, {summary['seconds']:.0f} s"
    table = Table(title=title)
    table.add_column("")
    for head in ("right", "of", "accuracy", "95 % interval", "wrong", f"wrong >= {CONFIDENT}", "abstained", "failed"):
        table.add_column(head, justify="right")
    table.add_column("uncertain (right)", justify="right")
    groups = [("all", summary["overall"])]
    groups += [(f"tier {name}", group) for name, group in summary["tiers"].items()]
    groups += [(name, group) for name, group in summary["skills"].items()]
    for index, (name, group) in enumerate(groups):
        accuracy = "-" if group["accuracy"] is None else f"{group['accuracy']:.3f}"
        low, high = group["wilson"]
        counts = (str(group[key]) for key in ("wrong", "confident_wrong", "abstained", "failed"))
        uncertain = f"{group['uncertain']} ({group['uncertain_right']})"
        row = name, str(group["right"]), str(group["num"]), accuracy, f"{low:.2f}..{high:.2f}", *counts, uncertain
        table.add_row(*row, end_section=index == len(summary["tiers"]))
    return table


def _calibration_table(calibration: dict[str, Any]) -> Table:
    from rich.table import Table

    ece, brier, num = (calibration[key] for key in ("ece", "brier", "num"))
    table = Table(title=f"calibration error {ece:.3f}, Brier score {brier:.3f}, over {num} answers")
    for head in ("confidence", "answers", "mean confidence", "right"):
        table.add_column(head, justify="right")
    for one in calibration["bins"]:
        interval = f"{one['low']:.1f}..{one['high']:.1f}"
        table.add_row(interval, str(one["num"]), f"{one['confidence']:.3f}", f"{one['accuracy']:.3f}")
    return table


def _errors_table(summary: dict[str, Any]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="not right", show_lines=True)
    for head in ("sample", "question", "expected", "given", "confidence"):
        table.add_column(head, overflow="fold")
    for kind in ("wrong", "failed", "abstained"):
        for told in summary[kind]:
            name = f"{told['id']}\n{kind}, {told['tier']}"
            said = [told[key] for key in ("option", "value") if told[key] is not None]
            given = told.get("error") or "\n".join(map(str, [*said, told["answer"]]))
            cells = name, told["question"], str(told["expected"]), given
            table.add_row(*map(escape, cells), f"{told['confidence']:.2f}")
    return table


def _target_line(target: dict[str, Any]) -> Text:
    from rich.text import Text

    verdict, style = {True: ("reached", "green"), False: ("MISSED", "red"), None: ("not asked", "yellow")}[target["ok"]]
    side = ">=" if target["metric"] == "accuracy" else "<="
    value = f"{target['value']:.3f}" if target["metric"] == "accuracy" else f"{target['value']:.0f}"
    name = "accuracy" if target["metric"] == "accuracy" else f"wrong with confidence >= {CONFIDENT}"
    line = f"target, tier {target['tier']}: {name} {value} {side} {target['bound']:.4g} (of {target['num']}): {verdict}"
    return Text(line, style=style)
