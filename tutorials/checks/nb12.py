"""Checks of notebook 12: a first search."""

from __future__ import annotations

import dataclasses

import numpy as np

import maade_np as mn
from checks._common import exercise, expect, expect_close


@exercise
def check_validity(validity):
    """Count a simulated search."""
    rng = np.random.default_rng(121)
    for B, K in ((30, 1), (32, 6), (64, 20)):
        thrown_away = rng.negative_binomial(B, rng.uniform(0.3, 0.95, K))
        right = B / (B + thrown_away)
        mine = np.asarray(validity(np.cumsum(thrown_away), B), float)
        expect(mine.shape == (K,), f"For {K} batches it has shape {mine.shape}; one share a batch.")
        expect(
            np.all((mine >= 0) & (mine <= 1)),
            "Some of your shares are no shares: they lie outside 0 to 1. How many strings were drawn?",
        )
        expect_close(
            mine[:1], right[:1], "Already the first batch is off. Of how many is it a share?"
        )
        expect_close(
            mine, right, "The first batch is right, later ones are off: counted since when?"
        )
    return (
        "batch_size valid strings were taken, and what the count grew by was thrown away on the way "
        "to them."
    )


def _normal(x, mean, deviation):
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))


@exercise
def check_expected(expected_truth):
    """Compare with populations of which the posterior mean is known."""
    s = np.linspace(-4, 4, 3201)
    middle = slice(400, -400)
    for mean, tau, sigma in ((0.5, 1.0, 0.5), (-1.0, 0.7, 0.9), (0.0, 2.0, 0.3)):
        spread = np.hypot(tau, sigma)
        right = mean + tau**2 / spread**2 * (s - mean)
        mine = np.asarray(expected_truth(s.copy(), _normal(s, mean, spread), sigma), float)
        expect(mine.shape == s.shape, f"It has shape {mine.shape}, the grid has {s.shape}.")
        away = np.sign(mine[middle] - s[middle]) * np.sign(right[middle] - s[middle])
        expect(
            np.mean(away) > -0.5,
            "For normally distributed cells the truth should lie nearer to their mean than the signal "
            "does; yours lies further away.",
        )
        expect_close(
            mine[middle],
            right[middle],
            f"For normal cells (mean {mean}, deviation {tau}) and noise {sigma} it is not the shrinkage "
            "that normal distributions give.",
            rtol=0,
            atol=2e-3,
        )
    # two kinds of cells: the posterior mean by Bayes, over the kinds
    kinds, sigma, tau = ((0.3, -1.5), (0.7, 1.0)), 0.6, 0.4
    spread = np.hypot(tau, sigma)
    weights = np.array([w * _normal(s, m, spread) for w, m in kinds])
    means = np.array([m + tau**2 / spread**2 * (s - m) for _, m in kinds])
    right = (weights * means).sum(axis=0) / weights.sum(axis=0)
    mine = expected_truth(s.copy(), weights.sum(axis=0), sigma)
    expect_close(
        np.asarray(mine)[middle],
        right[middle],
        "For one normal population it is right; for two kinds of cells it is off.",
        rtol=0,
        atol=2e-3,
    )
    scaled = expected_truth(s.copy(), 7 * weights.sum(axis=0), sigma)
    expect_close(
        np.asarray(scaled)[middle],
        right[middle],
        "It should not matter whether the density is normalised.",
        rtol=0,
        atol=2e-3,
    )
    return (
        "a level density flatters nobody: where as many cells lie a little above as a little below, "
        "good and bad luck cancel. It takes a slope to be misled."
    )


class _Watched:
    """A searcher that remembers what it was told and how much it was asked for."""

    def __init__(self, searcher):
        self._searcher, self.told, self.asked = searcher, [], 0

    def __getattr__(self, name):
        return getattr(self._searcher, name)

    def ask(self, n=None):
        proposals = self._searcher.ask(n)
        self.asked += len(proposals)
        return proposals

    def tell(self, proposals, rewards):
        self.told.extend(np.asarray(rewards, float).tolist())
        self._searcher.tell(proposals, rewards)


class _Rounded(mn.tables.Toy):
    """The toy with its driving signals rounded, so that several strings share the best one."""

    def query(self, *args, **kwargs):
        found = super().query(*args, **kwargs)
        return dataclasses.replace(found, signal=np.round(found.signal, 2))


@exercise
def check_loop(my_search):
    """Compare with the package's loop on the toy, string by string."""
    for kind, settings, budget, protocol, toy in (
        ("random", {"batch_size": 64}, 150, "test-holdout", mn.tables.Toy()),
        ("remaade", {"preset": "paper-short"}, 150, "test-holdout", mn.tables.Toy()),
        ("remaade", {"preset": "paper-short", "batch_size": 16}, 100, "test-mean", mn.tables.Toy()),
        ("random", {"batch_size": 7}, 5, "test-holdout", mn.tables.Toy()),
        ("random", {"batch_size": 64}, 150, "test-holdout", _Rounded()),
    ):
        for seed in (0, 1):
            watched = _Watched(mn.searchers.create(kind, toy.space, seed=seed, **settings))
            mine = float(my_search(watched, toy, budget, protocol, seed))
            fresh = mn.searchers.create(kind, toy.space, seed=seed, **settings)
            right = mn.search(fresh, toy, budget, protocol, seed)
            expect(
                watched.asked == budget,
                f"{kind} with batches of {watched.batch_size} asked for {watched.asked} strings on a "
                f"budget of {budget}.",
            )
            expect(
                len(watched.told) == budget and np.allclose(watched.told, right.history.signal),
                f"{kind}, {protocol}: it was told something else than the driving signal of its strings.",
            )
            expect(
                np.isclose(mine, 100 * (1 - right.best.held_out), rtol=0, atol=1e-9),
                f"{kind}, seed {seed}: budget and signals are right, but the result is "
                f"{'lower' if mine < 100 * (1 - right.best.held_out) else 'higher'} than the held-out "
                "error, in %, of the string with the best driving signal, the first of several.",
            )
    return (
        "a result that is too good is the hardest bug to notice. What drives or chooses is not held "
        "out; and 192 queries are not 150."
    )


def _later_strings(state, seed=3):
    """Return the strings of three batches after loading a state into a fresh searcher."""
    toy = mn.tables.Toy()
    searcher = mn.searchers.create("remaade", toy.space, seed=seed, preset="paper-short")
    searcher.load_state_dict(state)
    found = []
    for _ in range(3):
        proposals = searcher.ask()
        searcher.tell(proposals, toy.query(proposals.actions, "test-holdout").signal)
        found.append(proposals.actions)
    return np.concatenate(found)


def _needed():
    """Return the entries without which the strings change, found by trying."""
    toy = mn.tables.Toy()
    searcher = mn.searchers.create("remaade", toy.space, seed=3, preset="paper-short")
    fresh = mn.searchers.create("remaade", toy.space, seed=3, preset="paper-short").state_dict()
    for _ in range(4):
        proposals = searcher.ask()
        searcher.tell(proposals, toy.query(proposals.actions, "test-holdout").signal)
    state = searcher.state_dict()
    right = _later_strings(state)
    return {
        name
        for name in state
        if not np.array_equal(_later_strings({**state, name: fresh[name]}), right)
    }, set(state)


@exercise
def check_state(answer):
    """Compare with what trying says."""
    needed, known = _needed()
    answer = set(answer)
    expect(answer <= known, f"{sorted(answer - known)} are no entries of the state.")
    missing, extra = needed - answer, answer - needed
    expect(
        not missing,
        f"{len(missing)} more of the entries {'is' if len(missing) == 1 else 'are'} needed. What does "
        "the next batch of strings depend on, and what the next update?",
    )
    expect(
        not extra,
        f"{len(extra)} of your entries can be replaced without any effect on the strings: it is a log, "
        "empty between two batches, or follows from the seed.",
    )
    return (
        "weights alone are not a search. The least expected one sizes the next draw by the rate of "
        "valid strings so far, and so decides how many random numbers are spent."
    )
