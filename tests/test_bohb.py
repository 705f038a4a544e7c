"""BOHB: against HpBandSter's own numbers, its brackets, its costs, and results with lower budgets."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from published.densities import CARDINALITIES, EPOCHS, SPACE, history, questions, schedule, stored

import maade_np as mn
from maade_np import loop
from maade_np.checkpoints import load_state, save_state
from maade_np.results import incumbents
from maade_np.searchers._hyperband import bracket_sizes
from maade_np.searchers._parzen import AitchisonAitken
from maade_np.searchers.bohb import BOHB, HPBANDSTER, NAS_BENCHMARKS, BOHBSettings
from maade_np.spaces import CategoricalSpace
from maade_np.tables.base import Measured
from maade_np.tables.toy import Toy

EVERY = np.array(list(product(*map(range, CARDINALITIES))))
PUBLISHED = stored("hpbandster")


class ShortTrainings(Toy):
    """The toy with lower budgets: their signals are lower, and worse measured."""

    name = "a toy with short trainings"

    def training_budgets(self, protocol=None):
        return tuple(EPOCHS)

    def measure(self, actions, cells, protocol, seed, epochs):
        signal, held_out, mean_test, seconds = super().measure(
            actions, cells, protocol, seed, epochs
        )
        noise = np.random.default_rng(seed).normal(size=100_000)[cells % 100_000]
        short = epochs < 108
        return Measured(
            signal - 0.1 * (1 - epochs / 108) + 0.1 / epochs * noise * short,
            np.where(short, np.nan, held_out),
            np.where(short, np.nan, mean_test),
            seconds,
        )


TABLE = ShortTrainings()


def make(space=TABLE.space, seed=0, **changes):
    return BOHB(space, BOHBSettings(**changes), seed)


# ------------------------------------------------------------------------------------ HpBandSter


@pytest.mark.parametrize("case", PUBLISHED["cases"], ids=lambda case: case["n"])
def test_hpbandster_s_densities(case):
    searcher = make(SPACE, min_bandwidth=case["min_bandwidth"])
    searcher.archives[4].add(np.arange(case["n"]), *history(case["n"]))
    searcher._stale = True
    for side, found in zip(("good", "bad"), searcher.model(), strict=True):
        assert len(found.points) == case[side]["points"]
        assert_allclose(found.bandwidths, case[side]["bandwidths"], rtol=1e-12)
        densities = np.exp(found.log_parts(questions())[:, 0])
        assert_allclose(densities, case[side]["densities"], rtol=1e-10)


def test_hpbandster_s_brackets():
    for number, (sizes, epochs) in enumerate(
        zip(PUBLISHED["sizes"], PUBLISHED["epochs"], strict=True)
    ):
        assert bracket_sizes(number, 4, 3) == sizes
        assert EPOCHS[-len(sizes) :] == epochs


def test_hpbandster_s_schedule():
    """Strings are numbers, losses a formula without ties; queries come in the same order."""
    assert schedule() == PUBLISHED["schedule"]


# ----------------------------------------------------------------------------------- the density


def test_the_bounded_kernel_is_a_probability():
    points = np.random.default_rng(0).integers(0, CARDINALITIES, (9, 5))
    points[:, 0] = 1  # statsmodels would know of one value only
    density = AitchisonAitken(points, np.array(CARDINALITIES), 0.3, "bounded")
    assert np.exp(density.log_parts(EVERY)).sum() == pytest.approx(1)
    assert (density.bandwidths <= 1 - 1 / np.array(CARDINALITIES)).all()


@pytest.mark.parametrize("kernel", ["statsmodels", "bounded"])
def test_many_values_one_value_and_equal_points(kernel):
    """Bandwidths above 1, a hyper-parameter with nothing to choose, no spread at all."""
    cardinalities = np.array([40, 1, 2])
    rng = np.random.default_rng(0)
    for points in (rng.integers(0, cardinalities, (12, 3)), np.zeros((4, 3), dtype=int)):
        density = AitchisonAitken(points, cardinalities, 0.001, kernel)
        strings = rng.integers(0, cardinalities, (50, 3))
        assert np.isfinite(density.log_parts(strings)).all()
        drawn = density.candidates(200, rng)
        assert (drawn >= 0).all()
        assert (drawn < cardinalities).all()


def test_candidates_are_points_with_some_values_drawn_anew():
    points = np.array([[0, 1, 2, 0, 0], [1, 2, 0, 0, 1]])
    density = AitchisonAitken(points, np.array(CARDINALITIES), 0.3, "statsmodels")
    drawn = density.candidates(60_000, np.random.default_rng(2))
    kept = 1 - density.bandwidths
    for i, c in enumerate(CARDINALITIES):
        expected = kept[i] * np.bincount(points[:, i], minlength=c) / 2 + (1 - kept[i]) / c
        assert_allclose(np.bincount(drawn[:, i], minlength=c) / len(drawn), expected, atol=0.01)


def test_the_model_is_of_the_largest_budget_with_enough_results():
    """N + 1 good and as many others, so 2 (N + 1); N is 5."""
    searcher = make(SPACE)
    actions, rewards = history(60)
    used = []
    for epochs, n in ((4, 11), (4, 1), (36, 11), (12, 12), (36, 1), (108, 40), (12, 5)):
        have = len(searcher.archives[epochs])
        rows = slice(have, have + n)
        searcher.archives[epochs].add(np.arange(n) + have, actions[rows], rewards[rows])
        searcher._stale = True
        model = searcher.model()
        used.append(0 if model is None else len(model[0].points) + len(model[1].points))
    assert used == [0, 12, 12, 12, 12, 40, 40]


def test_good_are_the_best():
    searcher = make(SPACE, top_n_percent=30)
    actions, rewards = history(60)
    searcher.observe(actions, rewards)
    good, bad = searcher.model()
    order = np.argsort(-rewards)
    assert_array_equal(good.points, actions[order[:18]])
    assert_array_equal(bad.points, actions[order[18:]])
    assert len(make(SPACE, min_points=25).fit(searcher.archives[108])[0].points) == 25


def test_the_best_candidate_is_proposed():
    """With thousands of candidates that is the best string of the space, found by enumeration."""
    searcher = make(SPACE, num_samples=20_000, random_fraction=0.0)
    searcher.observe(*history(60))
    good, bad = searcher.model()
    gains = (good.log_parts(EVERY) - bad.log_parts(EVERY))[:, 0]
    assert_array_equal(searcher.ask().actions[0], EVERY[gains.argmax()])


def test_the_share_of_uniform_strings():
    """What the model proposes is one string; the uniform ones hardly ever are."""
    searcher = make(SPACE, num_samples=5000, random_fraction=0.4, batch_size=27)
    searcher.observe(*history(60))
    asked = np.concatenate([searcher.ask().actions for _ in range(8)])
    _, counts = np.unique(SPACE.identity(asked), return_counts=True)
    assert 0.5 < counts.max() / len(asked) < 0.7


# -------------------------------------------------------------------------------------- brackets


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([2, 3]))
def test_every_rung_takes_the_best_of_the_one_below(seed, batch, eta):
    """Told in parts and in any order; brackets are followed one by one."""
    rng = np.random.default_rng(seed)
    searcher = make(batch_size=batch, eta=eta, seed=seed)
    waiting, brackets = [], {}
    for _ in range(60):
        asked = searcher.ask()
        waiting += asked.ids.tolist()
        for bracket in searcher.brackets:
            brackets[id(bracket)] = bracket
        rng.shuffle(waiting)
        some = rng.integers(len(waiting) + 1)
        told, waiting = waiting[:some], waiting[some:]
        before = {k: (b.rung, b.ids, b.actions, b.rewards) for k, b in brackets.items()}
        rewards = rng.integers(0, 5, len(told)) / 5  # many ties
        searcher.tell(np.array(told, dtype=int), rewards)
        values = dict(zip(told, rewards.tolist(), strict=True))
        for k, (rung, theirs, actions, known) in before.items():
            bracket = brackets[k]
            if bracket.rung == rung:
                continue
            final = np.array(
                [values.get(i, r) for i, r in zip(theirs.tolist(), known, strict=True)]
            )
            assert bracket.rung == rung + 1
            assert len(theirs) == bracket.sizes[rung]
            if not bracket.done:
                best = sorted(range(len(final)), key=lambda i: (-final[i], i))
                best = sorted(best[: bracket.sizes[bracket.rung]])
                assert_array_equal(bracket.promoted, actions[best])
    assert searcher.counts["told"] == searcher.counts["asked"] - len(waiting)


def test_asked_again_and_again_with_nothing_told():
    """Rungs wait, so brackets start: only their first rungs are asked."""
    searcher = make(batch_size=10)
    epochs = np.concatenate([searcher.ask().epochs for _ in range(10)])
    firsts = np.repeat([4, 12, 36, 108], [27, 9, 6, 4])
    assert_array_equal(epochs, np.resize(firsts, 100))


def test_a_string_goes_up_as_soon_as_its_rung_is_told():
    searcher = make(budgets="12,36,108", batch_size=1)
    seen = []
    for _ in range(13):
        asked = searcher.ask()
        seen.append(int(asked.epochs[0]))
        searcher.tell(asked, [float(len(seen))])
        if len(seen) == 9:
            assert len(searcher.brackets[0].promoted) == 3
    assert seen == [12] * 9 + [36] * 3 + [108]


def test_a_state_goes_on_bit_for_bit(tmp_path):
    searcher = make(batch_size=5)
    for _ in range(40):
        asked = searcher.ask()
        searcher.tell(asked, TABLE.query(asked.actions, epochs=asked.epochs).signal)
    open_ones = searcher.ask()
    searcher.tell(open_ones.ids[3:], [0.5, 0.6])
    save_state(tmp_path / "state.npz", searcher.state_dict())
    kept = searcher.state_dict()
    frozen = repr(kept)
    others = [make(batch_size=5, seed=99) for _ in range(2)]
    others[0].load_state_dict(load_state(tmp_path / "state.npz"))
    others[1].load_state_dict(kept)
    runs = []
    for one in (searcher, *others):
        one.tell(open_ones.ids[:3], [0.1, 0.9, 0.3])
        asked = [one.ask() for _ in range(2)]
        for _ in range(30):
            one.tell(asked[0], TABLE.query(asked[0].actions, epochs=asked[0].epochs).signal)
            asked = [asked[1], one.ask()]
        runs.append(one.archives[4].actions)
        assert one.counts == searcher.counts
    for run in runs[1:]:
        assert_array_equal(run, runs[0])
    assert repr(kept) == frozen


# ------------------------------------------------------------------------------- odd situations


def test_a_small_space_whose_best_string_is_invalid():
    space = CategoricalSpace(["a", "b"], [2, 2], is_valid=lambda a: a.any(axis=1))
    table = mn.tables.Objective(space, lambda point: -point["a"] - point["b"])
    for duplicates in ("charge", "skip"):
        searcher = make(space, budgets="108", random_fraction=0.0, duplicates=duplicates)
        result = mn.search(searcher, table, budget=50)
        assert result.counts["queries"] == 50
        assert result.counts["distinct_cells"] == 3


def test_new_strings_are_new_if_duplicates_are_skipped():
    result = mn.search(make(duplicates="skip"), TABLE, budget=60)
    first = result.history.cell[result.history.epochs == 4]
    assert len(np.unique(first)) == len(first) == 27 * 4
    assert result.counts["duplicates"] == 0
    assert result.counts["distinct_cells"] == 4 * (27 + 9 + 6 + 4)


def test_constant_rewards_and_a_space_of_one_point():
    table = mn.tables.Objective(CategoricalSpace(["a", "b"], [1, 1]), lambda point: 0.5)
    result = mn.search(make(table.space, budgets="108"), table, budget=30)
    assert not result.history.actions.any()


def test_it_finds_what_is_good():
    """For the same cost it ends above random search, trial by trial on average."""
    gains = []
    for seed in range(6):
        found = [
            mn.search(searcher, TABLE, budget=40, protocol="test-mean", seed=seed).best.held_out
            for searcher in (make(seed=seed), mn.searchers.create("random", TABLE.space, seed))
        ]
        gains.append(found[0] - found[1])
    assert np.mean(gains) > 0.002


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"budgets": "4,12"},
            "budgets is '4,12'; give ascending epochs that end with the full 108",
        ),
        ({"budgets": "108,108"}, "budgets is"),
        ({"budgets": "0,108"}, "budgets is"),
        ({"budgets": "108,200"}, "budgets is"),
        ({"budgets": "four"}, "budgets is 'four'"),
        ({"budgets": ""}, "budgets is ''"),
        ({"eta": 1}, "eta is 1; it must be at least 2"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"random_fraction": 1.5}, "random_fraction is 1.5; choose from 0 to 1"),
        ({"min_bandwidth": 0.0}, "min_bandwidth is 0.*above"),
        ({"top_n_percent": 100}, "top_n_percent is 100"),
        ({"kernel": "gauss"}, "kernel is 'gauss'"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        BOHBSettings(**changes)


def test_presets():
    assert (NAS_BENCHMARKS.min_bandwidth, HPBANDSTER.min_bandwidth) == (0.3, 1e-3)


# ------------------------------------------------------------------------ costs and their results


@pytest.mark.parametrize(("budget", "queries", "spent"), [(1, 27, 1), (2, 36, 2), (15, 65, 15)])
def test_costs(budget, queries, spent):
    """27 strings of 4 epochs are one full training; all four brackets together are 15."""
    result = mn.search(make(), TABLE, budget=budget)
    assert len(result.history) == queries
    assert result.history.epochs.sum() == 108 * spent


@pytest.mark.parametrize("batch", [1, 4, 50])
@pytest.mark.parametrize("budget", [1, 3, 6, 8, 23])
def test_a_budget_that_ends_amid_a_bracket_is_never_exceeded(budget, batch):
    result = mn.search(make(batch_size=batch), TABLE, budget=budget)
    spent = result.history.epochs.sum() / 108
    assert budget - 1 < spent <= budget + 1e-9


def test_what_is_left_does_not_pay_for_the_next_query():
    """Two strings of 36 epochs, and a third of a full training is left for the better one."""
    searcher = make(budgets="36,108", eta=2)
    seen = []
    result = mn.search(searcher, TABLE, budget=1, on_batch=seen.append)
    assert_array_equal(result.history.epochs, [36, 36])
    assert seen[-1].spent == pytest.approx(2 / 3)


def test_a_table_without_lower_budgets_is_refused_before_any_query():
    calls = []
    space = CategoricalSpace(["a", "b"], [3, 3])
    for table in (mn.tables.Objective(space, calls.append), Toy()):
        with pytest.raises(
            ValueError, match=r"'bohb' needs trainings of 4, 12, 36 epochs.*budgets='108'"
        ):
            mn.search(make(table.space), table, budget=10)
    assert not calls


@given(
    st.lists(st.tuples(st.sampled_from([4, 12, 108]), st.sampled_from([0.1, 0.5, 0.9])), min_size=1)
)
def test_incumbents_by_brute_force(rows):
    epochs, signal = (np.array(column) for column in zip(*rows, strict=True))
    found = incumbents(signal, epochs)
    for n in range(1, len(rows) + 1):
        assert found[n - 1] == max(range(n), key=lambda i: (epochs[i], signal[i], -i))


def test_the_best_is_fully_trained(tmp_path):
    """On this table a lower budget's signal can be above all fully trained ones."""

    class Flattering(ShortTrainings):
        def measure(self, actions, cells, protocol, seed, epochs):
            found = super().measure(actions, cells, protocol, seed, epochs)
            return found._replace(signal=found.signal + (epochs < 108))

    seen = []
    result = mn.search(make(), Flattering(), budget=15, on_batch=seen.append)
    h, best = result.history, result.best
    full = h.epochs == 108
    assert h.epochs[best.query - 1] == 108
    assert best.signal == h.signal[full].max() < h.signal.max()
    curve = result.curve()
    first = int(np.argmax(full))
    assert np.isnan(curve["held_out"][:first]).all()
    assert not np.isnan(curve["held_out"][first:]).any()
    assert curve["signal"][-1] == best.signal
    assert [p.best_signal for p in seen] == curve["signal"].tolist()
    assert seen[-1].best_held_out == best.held_out
    assert result.counts["duplicates"] < 65 - result.counts["distinct_cells"]
    again = mn.SearchResult.load(result.save(tmp_path))
    assert again.best.query == best.query


def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    checkpoint = tmp_path / "checkpoint.npz"
    whole = mn.search(make(batch_size=3), TABLE, budget=23)

    def stop(progress):
        if progress.spent >= 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mn.search(make(batch_size=3), TABLE, budget=23, on_batch=stop, checkpoint=checkpoint)
    resumed = mn.search(make(batch_size=3), TABLE, budget=23, checkpoint=checkpoint)
    for name in ("actions", "signal", "epochs", "batch"):
        assert_array_equal(getattr(resumed.history, name), getattr(whole.history, name))
