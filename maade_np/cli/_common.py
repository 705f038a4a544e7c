"""What the commands share: how one is declared, and progress bars."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from typing import Any

from maade_np.experiments import Standing
from maade_np.experiments.engine import CLUSTERS
from maade_np.loop import Progress


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], Any], help: str, description: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=run)
    return made


def trial_flags(flag: Callable[..., Any]) -> None:
    """Declare where trials run and what is shown of them."""
    flag(
        "--jobs", type=int, default=1, metavar="J", help="processes (default: 1; more need joblib)"
    )
    flag("--cluster", metavar="ADDRESS", help=f"run on a cluster instead: {CLUSTERS}")
    flag("--report-only", action="store_true", help="run nothing, write from the records")
    flag("--quiet", action="store_true", help="no progress bar")


class SearchBar:
    """A progress bar on stderr: queries, best error so far, distinct cells."""

    def __init__(self, budget: int, hidden: bool) -> None:
        self._bar: Any = None
        if hidden or not sys.stderr.isatty():
            return
        if importlib.util.find_spec("tqdm") is None:
            print("(a progress bar needs tqdm: pip install tqdm)", file=sys.stderr)
            return
        from tqdm import tqdm

        self._bar = tqdm(total=budget, unit=" queries", ncols=100, mininterval=0.05)

    def show(self, progress: Progress) -> None:
        if self._bar is None:
            return
        best = progress.best_signal
        shown = f"{100 * (1 - best):.2f} %" if 0 <= best <= 1 else f"{best:.4g}"
        self._bar.set_postfix_str(
            f"best {shown}, {progress.distinct_cells} distinct", refresh=False
        )
        self._bar.update(progress.queries - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class WorkBar:
    """A progress bar on stderr, called with what is done and the total; nothing for a second."""

    def __init__(self, text: str, hidden: bool = False) -> None:
        self._text, self._hidden = text, hidden or not sys.stderr.isatty()
        self._bar: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        if self._hidden or importlib.util.find_spec("tqdm") is None:
            return
        if self._bar is None:
            from tqdm import tqdm

            shape = "{desc} {percentage:3.0f} %|{bar}| {elapsed}<{remaining}"
            shape = shape if total else "{desc} {n_fmt}B {elapsed}"
            self._bar = tqdm(
                total=total, desc=self._text, unit_scale=True, ncols=80, delay=1.0, bar_format=shape
            )
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> WorkBar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()


class TrialBar:
    """Progress on stderr with the time left: a bar on a terminal, elsewhere a line a minute."""

    def __init__(self, hidden: bool, name: str = "") -> None:
        self._bar: Any = None
        self._hidden, self._name, self._said_at = hidden, name, time.monotonic()

    def show(self, standing: Standing) -> None:
        """Show how far a run is."""
        done, total, seconds = standing
        left = "" if seconds is None or done == total else f"about {duration(seconds)} left"
        if self._hidden or not total:
            return
        if sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None:
            if self._bar is None:
                from tqdm import tqdm

                shape = "{desc} {n_fmt}/{total_fmt} trials |{bar}| {elapsed} {postfix}"
                self._bar = tqdm(total=total, desc=self._name, ncols=90, bar_format=shape)
            self._bar.set_postfix_str(left, refresh=False)
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._said_at > 60:
            text = f"{self._name} {done} of {total} trials, {left or 'time left unknown'}"
            print(text.strip(), file=sys.stderr)
            self._said_at = time.monotonic()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


def duration(seconds: float) -> str:
    """Write a time to two digits or so."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
