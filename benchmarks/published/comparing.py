"""Two programs' numbers as one row of the results, and rows as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats

LEAST_EXPECTED = 5  # categories that are expected less often are counted as one

Row = dict[str, Any]


def means(
    what: str, published: Sequence[float], ours: Sequence[float], paired: bool = False
) -> Row:
    """Return the means of two samples and z, their difference (ours less theirs) in its errors."""
    theirs, mine = np.asarray(published, dtype=float), np.asarray(ours, dtype=float)
    errors = [_error(theirs), _error(mine)]
    error = _error(mine - theirs) if paired else np.hypot(*errors)
    z = (mine.mean() - theirs.mean()) / error if error else 0.0
    return {
        "what": what,
        "kind": "means",
        "paired": paired,
        "published": round(float(theirs.mean()), 3),
        "published_se": round(float(errors[0]), 3),
        "ours": round(float(mine.mean()), 3),
        "ours_se": round(float(errors[1]), 3),
        "z": round(float(z), 2),
        "n": [len(theirs), len(mine)],
    }


def _error(values: np.ndarray) -> float:
    """Return the standard error of a mean."""
    return float(values.std(ddof=1) / len(values) ** 0.5)


def distribution(what: str, published: Iterable[Hashable], ours: Iterable[Hashable]) -> Row:
    """Return the chi-square test of whether two samples have one distribution."""
    theirs, mine = Counter(published), Counter(ours)
    categories = sorted(theirs | mine, key=repr)
    counts = np.array([[sample[c] for c in categories] for sample in (theirs, mine)])
    share = counts.sum(axis=1).min() / counts.sum()
    rare = counts.sum(axis=0) * share < LEAST_EXPECTED
    pooled = counts[:, rare].sum(axis=1, keepdims=True)
    counts = np.concatenate([counts[:, ~rare], pooled], axis=1)
    counts = counts[:, counts.any(axis=0)]
    test = stats.chi2_contingency(counts)
    return {
        "what": what,
        "kind": "distribution",
        "categories": counts.shape[1],
        "chi2": round(float(test.statistic), 1),
        "p": round(float(test.pvalue), 3),
        "n": counts.sum(axis=1).tolist(),
    }


def equal(what: str, same: Iterable[bool]) -> Row:
    """Return how many of some things are equal."""
    flags = np.asarray(list(same), dtype=bool)
    return {"what": what, "kind": "equal", "equal": int(flags.sum()), "n": len(flags)}


def difference(what: str, published: Any, ours: Any) -> Row:
    """Return the largest difference of two arrays, in units of the published one's largest number."""
    theirs, mine = np.asarray(published, dtype=float), np.asarray(ours, dtype=float)
    if theirs.shape != mine.shape:
        raise ValueError(f"{what}: published {theirs.shape}, ours {mine.shape}")
    largest = np.abs(mine - theirs).max() / np.abs(theirs).max()
    return {
        "what": what,
        "kind": "difference",
        "largest": float(f"{largest:.1e}"),
        "n": int(theirs.size),
    }


def cells(row: Row) -> list[str]:
    """Return a row's text: what, published, ours, agreement."""
    match row["kind"]:
        case "means":
            theirs, mine = row["n"]
            count = f"{theirs:,} each" if theirs == mine else f"{theirs:,} and {mine:,}"
            return [
                row["what"],
                f"{row['published']:.3f} ± {row['published_se']:.3f}",
                f"{row['ours']:.3f} ± {row['ours_se']:.3f}",
                f"z = {row['z']:+.2f} ({count}{', paired' * row['paired']})",
            ]
        case "distribution":
            said = "p < 0.001" if row["p"] < 0.001 else f"p = {row['p']:.3f}"
            test = f"chi-square {row['chi2']:.1f} on {row['categories'] - 1}, {said}"
            return [row["what"], *(f"{n:,} draws" for n in row["n"]), test]
        case "equal":
            return [row["what"], "", "", f"{row['equal']:,} of {row['n']:,} equal"]
    numbers = f"({row['n']:,} numbers)"
    if row["largest"] == 0:
        return [row["what"], "", "", f"no difference {numbers}"]
    return [row["what"], "", "", f"differ by {row['largest']:.0e} at most {numbers}"]


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| compared | published | here | agreement |", "| --- | --- | --- | --- |"]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"
