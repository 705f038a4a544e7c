"""Committed results follow from committed records, and the records from the code."""

import first_results
import numpy as np
import pytest
from timing import compare


def test_tables_are_what_the_records_give():
    rows = first_results.summarise(first_results.read_records())
    for name, text in (
        ("table.md", first_results.markdown(rows)),
        ("table.csv", first_results.as_csv(rows)),
    ):
        assert (first_results.HERE / name).read_text(encoding="utf-8") == text


def test_every_search_has_all_its_trials():
    done = {(r["search"], r["protocol"], r["seed"]) for r in first_results.read_records()}
    wanted = {
        (name, protocol, seed)
        for name in first_results.SEARCHES
        for protocol in first_results.PROTOCOLS
        for seed in range(first_results.TRIALS)
    }
    assert done == wanted


def test_random_search_is_reproduced_exactly(table_path):
    """Its trials hang on the generator alone: the same on every machine."""
    [record] = [
        r
        for r in first_results.read_records()
        if (r["search"], r["protocol"], r["seed"]) == ("random, 150", "test-holdout", 7)
    ]
    again = first_results.trial(str(table_path), "random, 150", "test-holdout", 7)
    for key in ("signal", "held_out", "mean_test", "counts"):
        assert again[key] == record[key]


def test_remaade_starts_as_its_record_says(table_path):
    """The first batch hangs on the start and the sampler; later ones on rounding as well."""
    name, protocol = "ReMAADE, 150, paper", "test-mean"
    [record] = [
        r
        for r in first_results.read_records()
        if (r["search"], r["protocol"], r["seed"]) == (name, protocol, 3)
    ]
    again = first_results.trial(str(table_path), name, protocol, 3)
    first_batch = first_results.checkpoints(150) <= 30
    for key in ("signal", "held_out", "mean_test"):
        np.testing.assert_array_equal(
            np.array(again[key])[first_batch], np.array(record[key])[first_batch]
        )


def test_what_the_readme_says_of_the_first_results():
    """With B = 10 at 150 and with the paper's settings at 3,200, ReMAADE beats random search."""
    rows = {
        (row["search"], row["protocol"]): row
        for row in first_results.summarise(first_results.read_records())
    }

    def ahead(ours, theirs, protocol, figure):
        high = rows[ours, protocol][f"{figure}_high"]
        return high < rows[theirs, protocol][f"{figure}_low"]

    for protocol in first_results.PROTOCOLS:
        for ours, theirs in (
            ("ReMAADE, 150, B = 10", "random, 150"),
            ("ReMAADE, 3200, paper", "random, 3200"),
        ):
            assert ahead(ours, theirs, protocol, "signal"), (ours, protocol)
    assert ahead("ReMAADE, 150, B = 10", "random, 150", "test-holdout", "held_out")
    # at 3,200 the held-out figures overlap: selecting on one noisy run hides the difference
    assert not ahead("ReMAADE, 3200, paper", "random, 3200", "test-holdout", "held_out")


def test_timing_takes_turns_and_reports_ratios():
    clock = [0.0]
    calls = []

    def takes(name, seconds):
        def call():
            calls.append(name)
            clock[0] += seconds

        return call

    result = compare(
        {"slow": takes("slow", 0.03), "fast": takes("fast", 0.01)},
        reference="fast",
        repeats=4,
        warmup=1,
        timer=lambda: clock[0],
    )
    assert result.ratio("slow").median == pytest.approx(3)
    assert result.time("fast").median == pytest.approx(0.01)
    assert calls[-8:].count("slow") == 4


def test_expected_best_of_random_draws():
    """Against brute force: all pairs and triples of draws from three weighted cells."""
    from itertools import product

    from random_expectation import expected_best

    errors, weights = np.array([3.0, 1.0, 2.0]), np.array([1, 2, 3])
    draws = np.repeat(errors, weights)
    for n in (1, 2, 3):
        best = [min(chosen) for chosen in product(draws, repeat=n)]
        assert expected_best(errors, weights, n) == pytest.approx(np.mean(best))


def test_limits_are_measured_and_written(tmp_path, monkeypatch):
    import speed_limits

    monkeypatch.setattr(
        "sys.argv", ["speed_limits.py", "--seconds", "0.01", "--out", str(tmp_path)]
    )
    speed_limits.main()
    assert "| sample |" in (tmp_path / "limits.md").read_text(encoding="utf-8")
