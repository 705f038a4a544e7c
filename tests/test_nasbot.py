"""NASBOT: the process against formulas and scipy, the acquisition by integration, the search."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import integrate, stats

from maade_np.checkpoints import load_state, save_state
from maade_np.searchers import _acquisition as acq
from maade_np.searchers import _gaussian_process as gp
from maade_np.searchers import nasbot
from maade_np.searchers._distances import TransportDistances, distances, hamming_distance
from maade_np.searchers.nasbot import PUBLISHED, SMALL, Nasbot, NasbotSettings
from maade_np.spaces import CategoricalSpace, NASBench101Space, otmann
from maade_np.testing import searcher_checks

CELLS = NASBench101Space()
WIDE = CategoricalSpace([f"x{i}" for i in range(8)], [3] * 8)
QUICK = replace(SMALL, draws=20, effort=4.0, pool=8, refit=6)
HAMMING = replace(QUICK, distance="hamming", initial=5, batch_size=2)
RNG = np.random.default_rng


def reward(actions):
    return (actions * np.linspace(0.1, 1, actions.shape[1])).sum(axis=1) / 20


def drive(searcher, rounds):
    asked = []
    for _ in range(rounds):
        proposals = searcher.ask()
        searcher.tell(proposals, reward(proposals.actions))
        asked.append(proposals.actions)
    return np.concatenate(asked)


def a_process(count, seed=0, space=CELLS, name="otmann"):
    """A prior, strings, and results."""
    measured = distances(name, space, otmann.STRUCTURE)
    rng = RNG(seed)
    strings = space.sample(count, rng)
    hyper = measured.form.draw(1, rng).take(0)
    return gp.GaussianProcess.prior(measured, hyper, space.size), strings, rng.normal(size=count)


def kernel(process, a, b):
    """The published kernel, written out."""
    d, normalised = otmann.otmann_distance(a, b)
    beta = process.hyper.beta.reshape(2, -1, 1, 1)
    first, second = (beta[0] * d).sum(axis=0), (beta[1] * normalised**2).sum(axis=0)
    return process.hyper.scale[0] * np.exp(-first) + process.hyper.scale[1] * np.exp(-second)


# -------------------------------------------------------------------------------------- process


def test_the_posterior_against_the_formula():
    prior, strings, results = a_process(30)
    process = prior.extended(strings)
    places = CELLS.sample(12, RNG(1))
    inverse = np.linalg.inv(kernel(prior, strings, strings) + prior.hyper.noise * np.eye(30))
    cross = kernel(prior, places, strings)
    mean, sd = process.predict(places, results)
    np.testing.assert_allclose(mean, cross @ inverse @ results, rtol=1e-7, atol=1e-9)
    variance = prior.hyper.scale.sum() - np.einsum("mi,ij,mj->m", cross, inverse, cross)
    np.testing.assert_allclose(sd**2, np.maximum(variance, 0.05 * prior.hyper.noise), rtol=1e-6)


@pytest.mark.parametrize("name", ["otmann", "simplified", "edit"])
def test_growing_by_points_is_a_factor_built_at_once(name):
    prior, strings, results = a_process(40, seed=2, name=name)
    at_once = prior.extended(strings)
    grown = prior.extended(strings[:25])
    for start, end in ((25, 26), (26, 33), (33, 40)):
        grown = grown.extended(strings[start:end])
    np.testing.assert_array_equal(grown.points, strings)
    covariance = prior.covariance(strings, strings)
    np.testing.assert_allclose(grown.prior_covariance, covariance, rtol=1e-14)
    np.testing.assert_allclose(grown.whiten, at_once.whiten, rtol=1e-6, atol=1e-8)
    assert (np.triu(grown.whiten, 1) == 0).all()
    places = CELLS.sample(9, RNG(3))
    for mine, its in zip(
        grown.predict(places, results), at_once.predict(places, results), strict=True
    ):
        np.testing.assert_allclose(mine, its, rtol=1e-7, atol=1e-9)


def test_awaited_points_count_as_if_they_met_the_mean():
    prior, strings, results = a_process(25, seed=4, name="edit")  # a positive kernel
    process = prior.extended(strings[:20])
    awaited = process.extended(strings[20:])
    places = CELLS.sample(9, RNG(5))
    mean, sd = awaited.predict(places, results[:20])
    np.testing.assert_allclose(mean, process.predict(places, results[:20])[0])
    expected, _ = process.predict(strings[20:], results[:20])
    told, told_sd = awaited.predict(places, np.concatenate([results[:20], expected]))
    np.testing.assert_allclose(mean, told, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(sd, told_sd)
    assert (sd <= process.predict(places, results[:20])[1] + 1e-9).all()


def test_the_likelihood_against_scipy(monkeypatch):
    monkeypatch.setattr(gp, "_NUMBERS_AT_ONCE", 1000)  # several batches
    measured = distances("simplified", CELLS, ())
    strings, results = CELLS.sample(15, RNG(6)), RNG(7).normal(size=15)
    hyper = measured.form.draw(9, RNG(8))
    among = measured.between(strings, strings)
    found = gp.log_marginal_likelihood(measured.form, hyper, among, results)
    for row in range(9):
        one = hyper.take(row)
        covariance = one.scale[0] * np.exp(-one.beta[0] * among[0]) + one.noise * np.eye(15)
        exact = stats.multivariate_normal(np.zeros(15), covariance).logpdf(results)
        assert found[row] == pytest.approx(exact, rel=1e-8)


def test_hyper_parameters_follow_the_likelihood():
    """Of draws with betas far apart those that made the results are taken."""
    prior, strings, _ = a_process(60, seed=9, space=WIDE, name="hamming")
    form = prior.distances.form
    true = gp.HyperParameters(np.array(0.01), np.array([1.0]), np.array([0.05]))
    smooth = form.covariance(prior.distances.between(strings, strings), true)
    results = np.linalg.cholesky(smooth + 0.01 * np.eye(60)) @ RNG(10).normal(size=60)
    drawn = form.draw(200, RNG(11))
    fit = partial(gp.GaussianProcess.fit, prior.distances, drawn, strings, results)
    taken = [fit(RNG(s)).hyper.beta[0] for s in range(10)]
    low, high = form.beta[:, 0]
    assert np.median(taken) < np.sqrt(low * high)  # below the middle of the prior
    assert low <= min(taken) <= max(taken) <= high
    likelihood = gp.log_marginal_likelihood(
        form, drawn, prior.distances.between(strings, strings), results
    )
    assert fit().hyper.beta[0] == drawn.beta[likelihood.argmax(), 0]


def test_draws_stay_in_their_ranges():
    form = TransportDistances(CELLS, (0.1, 0.5)).form
    drawn = form.draw(500, RNG(0))
    assert drawn.scale.shape == (500, 2)
    assert drawn.beta.shape == (500, 4)
    for values, (low, high) in zip(drawn, (form.noise, form.scale, form.beta), strict=True):
        assert (values >= low).all()
        assert (values <= high).all()
        middle = np.sqrt(np.multiply(low, high))
        np.testing.assert_allclose((values < middle).mean(axis=0), 0.5, atol=0.1)


def test_what_is_negative_of_a_kernel_is_cut_off():
    """The positive part is the nearest positive matrix, and the likelihood is the density under it."""
    prior, strings, results = a_process(40, seed=3)
    hyper = prior.hyper._replace(scale=np.array([0.1, 5.0]), beta=np.full(8, 0.3))
    prior = replace(prior, hyper=hyper)
    among = prior.covariance(strings, strings)
    assert np.linalg.eigvalsh(among)[0] < -0.01
    positive, _ = gp.positive_part(among)
    rest = positive - among
    assert np.linalg.eigvalsh(positive)[0] > -1e-9
    assert np.linalg.eigvalsh(rest)[0] > -1e-9
    assert np.abs(positive @ rest).max() < 1e-9
    covariance = positive + hyper.noise * np.eye(40)
    process = prior.extended(strings)
    whitened = process.whiten @ covariance @ process.whiten.T
    np.testing.assert_allclose(whitened, np.eye(40), atol=1e-8)
    several = gp.HyperParameters(*(np.stack([array, array]) for array in hyper))
    distances = prior.distances.between(strings, strings)
    found = gp.log_marginal_likelihood(prior.distances.form, several, distances, results)
    exact = stats.multivariate_normal(np.zeros(40), covariance).logpdf(results)
    np.testing.assert_allclose(found, exact, rtol=1e-8)
    assert not process.positive
    # where the formula has a negative variance there is a least one
    _, sd = process.predict(strings, results)
    own = kernel(prior, strings, strings)
    variance = hyper.scale.sum() - np.einsum("ij,ji->i", own @ np.linalg.inv(covariance), own)
    assert variance.min() < 0
    np.testing.assert_allclose(sd**2, np.maximum(variance, 0.05 * hyper.noise), atol=1e-7)
    # and in parts it is the same
    grown = prior
    for point in strings:
        grown = grown.extended(point[None])
    np.testing.assert_allclose(grown.whiten, process.whiten, rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------------------------------ distances


def test_distances_are_remembered_and_the_same(monkeypatch):
    a, b = CELLS.sample(20, RNG(0)), CELLS.sample(15, RNG(1))
    d, normalised = otmann.otmann_distance(a, b, (0.1, 0.5))
    fresh = TransportDistances(CELLS, (0.1, 0.5))
    found = fresh.between(a, b)
    np.testing.assert_array_equal(found, np.concatenate([d, normalised]))
    computed = fresh.computed
    np.testing.assert_array_equal(fresh.between(b, a), found.swapaxes(1, 2))
    assert fresh.computed == computed
    # with far too little memory pairs push each other out, and nothing else changes
    monkeypatch.setattr(TransportDistances, "slots", 7)
    monkeypatch.setattr(TransportDistances, "most_layers", 40)
    forgetful = TransportDistances(CELLS, (0.1, 0.5))
    for _ in range(3):
        np.testing.assert_array_equal(forgetful.between(a, b), found)
        other = CELLS.sample(10, RNG(2))
        expected = np.concatenate(otmann.otmann_distance(a, other, (0.1, 0.5)))
        np.testing.assert_array_equal(forgetful.between(a, other), expected)
    assert forgetful.between(a[:0], b).shape == (4, 0, 15)


def test_hamming_distance():
    a, b = WIDE.sample(6, RNG(0)), WIDE.sample(4, RNG(1))
    expected = [[sum(x != y for x, y in zip(s, t, strict=True)) for t in b] for s in a]
    np.testing.assert_array_equal(hamming_distance(a, b), expected)


# ---------------------------------------------------------------------------------- acquisition


def test_expected_improvement_by_integration():
    best = 0.4
    for mean, sd in ((0.3, 0.2), (1.5, 0.1), (-1.0, 0.3), (0.4, 1e-3), (-2.0, 0.5)):
        normal = stats.norm(mean, sd)
        upper = max(best, mean) + 12 * sd
        exact, _ = integrate.quad(
            lambda f, normal=normal: (f - best) * normal.pdf(f), best, upper, epsrel=1e-10
        )
        found = acq.expected_improvement(np.array([mean]), np.array([sd]), best)[0]
        assert found == pytest.approx(exact, rel=1e-6)
    far = acq.expected_improvement(np.array([-5.0, -90.0]), np.ones(2), best)
    assert far[0] > far[1] == 0.0


def test_confidence_bound():
    found = acq.confidence_bound(np.array([1.0]), np.array([0.5]), 20)[0]
    assert found == pytest.approx(1 + 0.5 * np.sqrt(0.5 * 3 * np.log(2 * 3 * 20 + 1)))


@pytest.mark.parametrize("mutation", ["steps", "one", "naszilla"])
def test_evolution_keeps_to_the_space(mutation):
    start = CELLS.sample(6, RNG(0))
    seen = []

    def fitness(actions):
        seen.append(actions)
        return actions.sum(axis=1).astype(float)

    found = acq.evolve(CELLS, start, fitness, 200, mutation, RNG(1))
    assert CELLS.is_valid(found.actions).all()
    np.testing.assert_array_equal(CELLS.identity(found.actions), found.cells)
    assert len(np.unique(found.cells)) == len(found.cells)
    np.testing.assert_array_equal(found.fitness, found.actions.sum(axis=1))
    np.testing.assert_array_equal(np.concatenate(seen), found.actions)  # each looked at once
    assert 60 < len(found.cells) <= 6 + 210
    assert found.fitness.max() > found.fitness[:6].max()


def test_evolution_climbs():
    """It finds the best of 6,561 strings in 500 children, which 500 uniform draws rarely do."""
    start = WIDE.sample(4, RNG(0))
    hits = [
        acq.evolve(WIDE, start, lambda a: a.sum(axis=1) * 1.0, 500, "steps", RNG(s)).fitness.max()
        for s in range(10)
    ]
    assert np.mean(hits) > 14.5


def test_steps_have_the_published_lengths():
    parents = np.zeros((20_000, 26), dtype=int)
    changed = (acq.step(CELLS, parents, "steps", RNG(0)) != 0).sum(axis=1)
    counts = np.bincount(changed, minlength=6)[:6] / 20_000
    # a later step can undo or repeat an earlier one, rarely
    np.testing.assert_allclose(counts[1:], acq.STEP_PROBABILITY, atol=0.02)


def test_parents_are_drawn_by_fitness():
    weights = acq._selection(np.array([0.0, 1.0, 3.0]))
    spread = 2 * np.std([0.0, 1.0, 3.0])
    assert weights[2] / weights[1] == pytest.approx(np.exp(2 / spread))
    np.testing.assert_array_equal(acq._selection(np.full(4, 7.0)), np.full(4, 0.25))


# --------------------------------------------------------------------------------------- search


def make_on_any_space(space, seed):
    return Nasbot(space, HAMMING, seed)


def make_on_cells(space, seed):
    return Nasbot(space, replace(QUICK, initial=6, structure="1", draws=8), seed)


@pytest.mark.parametrize("check", searcher_checks())
def test_the_contract(check):
    check(make_on_any_space)


ON_CELLS = ("order_of_results_is_free", "state_goes_on")


@pytest.mark.parametrize("check", [c for c in searcher_checks(CELLS) if c.__name__ in ON_CELLS])
def test_the_contract_on_cells(check):
    check(make_on_cells)


@pytest.mark.parametrize(
    "changes",
    [{"distance": "edit"}, {"acquisition": "ucb"}, {"structure": "1"}, {"hyper": "likeliest"}],
)
def test_variants_search(changes):
    searcher = Nasbot(CELLS, replace(QUICK, **changes))
    asked = drive(searcher, 6)
    assert CELLS.is_valid(asked).all()
    assert len(np.unique(CELLS.identity(asked))) == len(asked)


def test_it_finds_what_is_better():
    best = [
        reward(drive(Nasbot(WIDE, replace(HAMMING, draws=50, effort=12.0), seed), 20)).max()
        for seed in range(5)
    ]
    uniform = [reward(WIDE.sample(40, RNG(seed))).max() for seed in range(5)]
    highest = reward(np.full((1, 8), 2))[0]
    assert np.mean(best) > 0.98 * highest > np.mean(uniform)


@pytest.mark.parametrize("acquisition", ["ei", "ucb"])
@pytest.mark.parametrize("distance", ["otmann", "simplified"])
def test_strings_chosen_are_the_best_of_what_evolution_saw(monkeypatch, distance, acquisition):
    settings = replace(QUICK, distance=distance, acquisition=acquisition, batch_size=4)
    searcher = Nasbot(CELLS, settings)
    drive(searcher, 6)
    seen = []
    monkeypatch.setattr(nasbot, "evolve", lambda *a: seen.append(acq.evolve(*a)) or seen[-1])
    known = CELLS.identity(searcher.archive.actions)
    chosen = CELLS.identity(searcher.ask().actions)
    process = searcher.process
    left = seen[0].actions[~np.isin(seen[0].cells, known)]
    for cell in chosen:  # each the best when those before are awaited
        mean, sd = process.predict(left, searcher.results())
        best = int(searcher.acquisition(mean, sd).argmax())
        assert CELLS.identity(left[best : best + 1])[0] == cell
        process = process.extended(left[best : best + 1])
        left = np.delete(left, best, axis=0)


def test_the_process_follows_the_archive():
    # a kernel that is positive, so that growing and building at once are the same
    settings = replace(QUICK, distance="simplified", initial=4, refit=8, batch_size=1)
    searcher = Nasbot(CELLS, settings)
    refits = 0
    for step in range(30):
        before = searcher.process
        proposals = searcher.ask()
        searcher.tell(proposals, reward(proposals.actions))
        now = searcher.process
        if now is None or now is before:
            assert step < 4
            continue
        np.testing.assert_array_equal(now.points, searcher.archive.actions[:-1])
        np.testing.assert_array_equal(searcher._rewards, searcher.archive.rewards[:-1])
        refits += before is None or now.hyper is not before.hyper
        full = gp.GaussianProcess.prior(searcher.distances, now.hyper, 26).extended(now.points)
        np.testing.assert_allclose(now.whiten, full.whiten, rtol=1e-5, atol=1e-6)
    assert refits == 4


def test_proposals_that_wait_are_points_without_results(monkeypatch):
    searcher = Nasbot(CELLS, replace(QUICK, refit=50))
    drive(searcher, 3)
    points = []
    original = gp.GaussianProcess.posterior
    monkeypatch.setattr(
        gp.GaussianProcess, "posterior", lambda p, *a: points.append(p.points) or original(p, *a)
    )
    first = searcher.ask(3)
    second = searcher.ask(3)
    waiting = np.concatenate([searcher.archive.actions, first.actions])
    np.testing.assert_array_equal(points[-1][: len(waiting)], waiting)
    np.testing.assert_array_equal(points[-1][len(waiting) :], second.actions[:2])
    assert len(searcher.process.points) == len(searcher.archive)
    assert not np.isin(CELLS.identity(second.actions), CELLS.identity(waiting)).any()


def test_late_results_join():
    searcher = Nasbot(CELLS, replace(QUICK, refit=50, batch_size=1))
    drive(searcher, 12)
    waiting = [searcher.ask() for _ in range(4)]
    for row in (2, 0, 3, 1):
        searcher.tell(waiting[row], reward(waiting[row].actions))
        searcher.ask()
        assert len(searcher.process.points) == len(searcher.archive)
    found = {
        tuple(p): r
        for p, r in zip(searcher.process.points.tolist(), searcher._rewards, strict=True)
    }
    archive = searcher.archive
    assert found == {
        tuple(p): r for p, r in zip(archive.actions.tolist(), archive.rewards, strict=True)
    }


def test_charged_duplicates_are_those_of_the_start():
    searcher = Nasbot(CELLS, replace(QUICK, duplicates="charge", initial=30))
    cells = CELLS.identity(drive(searcher, 14))
    assert len(np.unique(cells[:30])) < 30
    assert len(np.unique(cells[30:])) == len(cells) - 30
    assert not np.isin(cells[30:], cells[:30]).any()


def test_beyond_max_points_a_part_is_used():
    settings = replace(HAMMING, initial=40, batch_size=1, max_points=11, refit=3)
    searcher = Nasbot(WIDE, settings)
    drive(searcher, 40)
    searcher.ask()
    points, archive = searcher.process.points, searcher.archive
    assert len(points) == 11
    best = {tuple(row) for row in archive.actions[archive.best_first()[:6]].tolist()}
    assert best <= {tuple(row) for row in points.tolist()}
    for expected in (12, 13, 11):  # what arrives joins, until the next fit
        waiting = searcher._open
        searcher.tell(waiting, reward(waiting.actions))
        searcher.ask()
        assert len(searcher.process.points) == expected


def test_a_saved_state_goes_on_bit_for_bit_with_an_empty_memory(tmp_path):
    searcher = Nasbot(CELLS, replace(QUICK, refit=9))
    drive(searcher, 6)
    waiting = searcher.ask(3)
    searcher.tell(waiting.ids[[2]], np.array([0.5]))
    save_state(tmp_path / "state.npz", searcher.state_dict())
    other = Nasbot(CELLS, replace(QUICK, refit=9), seed=99)
    other.load_state_dict(load_state(tmp_path / "state.npz"))
    for each in (searcher, other):
        each.tell(waiting.ids[[0]], np.array([0.6]))
    np.testing.assert_array_equal(drive(searcher, 6), drive(other, 6))
    np.testing.assert_array_equal(searcher.process.whiten, other.process.whiten)


def test_observations_are_part_of_the_process():
    searcher = Nasbot(WIDE, HAMMING)
    drive(searcher, 4)
    strings = WIDE.sample(9, RNG(3))
    searcher.observe(strings, reward(strings))
    searcher.ask()
    np.testing.assert_array_equal(searcher.process.points[:9], strings)


def test_settings_are_checked():
    assert NasbotSettings() == PUBLISHED
    with pytest.raises(ValueError, match=r"distance 'otmann' .* choose distance='hamming'"):
        Nasbot(WIDE, replace(PUBLISHED, distance="otmann"))
    with pytest.raises(ValueError, match=r"mutation 'naslib' .* choose 'steps' or 'one'"):
        Nasbot(WIDE, replace(HAMMING, mutation="naslib"))
    for changes, message in (
        ({"distance": "l2"}, "distance is 'l2'"),
        ({"structure": "0.1;2"}, "structure is '0.1;2'"),
        ({"structure": "-1"}, "structure is '-1'"),
        ({"effort": 0.0}, "effort is 0.0"),
        ({"draws": 0}, "draws is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            NasbotSettings(**changes)
