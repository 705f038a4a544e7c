"""Nested figures as Markdown."""

from __future__ import annotations

from typing import Any


def as_text(report: dict[str, Any]) -> str:
    lines = ["# Quality of the embedded surrogate", ""]
    lines += [
        "Written by `benchmarks/surrogate_quality.py`. All figures but those of the whole space,",
        "the searches and the 600,000 draws are of held-out cells.",
        "",
    ]
    for title, content in report.items():
        section = content
        if isinstance(content, dict):
            section = {key: value for key, value in content.items() if key != "curve"}
        lines += [f"## {title[0].upper()}{title[1:]}", ""]
        lines += _section(section)
    return "\n".join(lines)


def _section(section: Any) -> list[str]:
    if not section:
        return []
    if isinstance(section, list):
        return [*_table(section), ""]
    plain = {k: v for k, v in section.items() if not isinstance(v, dict | list) or _flat(v)}
    lines = [f"- {key}: {_number(value)}" for key, value in plain.items()]
    lines += [""] if lines else []
    nested = {k: v for k, v in section.items() if k not in plain}
    same = [v for v in nested.values() if isinstance(v, dict)]
    if same and len(same) == len(nested) and all(v.keys() == same[0].keys() for v in same):
        return lines + _columns(nested)
    for key, value in nested.items():
        lines += [f"### {key[0].upper()}{key[1:]}", "", *_section(value)]
    return lines


def _columns(named: dict[str, dict[str, Any]]) -> list[str]:
    """Sections with the same keys side by side; what is nested in them comes after."""
    first = next(iter(named.values()))
    rows = [
        {"": key} | {name: section[key] for name, section in named.items()}
        for key in first
        if not isinstance(first[key], dict | list)
    ]
    lines = [*_table(rows), ""]
    for name, section in named.items():
        for key, value in section.items():
            if isinstance(value, list):
                lines += [f"### {name}: {key}", "", *_table(value), ""]
    return lines


def _table(rows: list[dict[str, Any]]) -> list[str]:
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    return lines + ["| " + " | ".join(_number(row[key]) for key in keys) + " |" for row in rows]


def _flat(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, int | float) for v in value)


def _number(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_number, value))
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
