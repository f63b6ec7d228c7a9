"""A summary as CSV for spreadsheets: a row for each hour."""

from __future__ import annotations

import csv
import io

from fer_edge.report.tally import Summary

HOUR_COLUMNS = ("hour", "watched_seconds", "faces", "changes")  # then a column of seconds for each emotion


def table(summary: Summary) -> str:
    """The CSV: hours in local time with their offset from UTC; times of faces in seconds, summed over the faces."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow([*HOUR_COLUMNS, *summary.labels])
    for hour, part in summary.hours.items():
        seconds = [f"{part.seconds.get(label, 0.0):.1f}" for label in summary.labels]
        rows.writerow([hour.isoformat(timespec="minutes"), f"{part.watched:.1f}", part.faces, part.changes, *seconds])
    return out.getvalue()
