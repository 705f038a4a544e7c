"""Checks of notebook 14: fair comparisons."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from checks._common import exercise, expect, expect_close


@exercise
def check_trials_needed(answer):
    """(14.6), rounded up."""
    expect(callable(answer), "The answer must be a function of a deviation and a difference.")
    z = NormalDist().inv_cdf
    n = answer(0.3, 0.1)
    expect(float(n) == int(n), "A number of trials is whole.")
    expect(n > 100, f"{int(n)} trials are too few for a tenth of a point at a spread of 0.3.")
    for deviation, difference, power, level in (
        (0.3, 0.1, 0.8, 0.05),
        (0.3, 0.013, 0.8, 0.05),
        (1.0, 0.4, 0.9, 0.05),
        (0.25, 0.05, 0.8, 0.01),
    ):
        right = 2 * (deviation / difference) ** 2 * (z(1 - level / 2) + z(power)) ** 2
        n = answer(deviation, difference, power=power, level=level)
        about = f"deviation {deviation}, difference {difference}, power {power}, level {level}"
        expect(float(n) == int(n), "A number of trials is whole.")
        expect(n >= right - 1e-9, f"Too few for {about}: the power would be below what was asked.")
        expect(
            n < right + 1, f"More than needed for {about}; the smallest whole number is asked for."
        )
    return (
        "the number grows with the square of spread over difference: half the difference, four times "
        "the trials."
    )


@exercise
def check_report(answer):
    """The held-out error of the cell with the lowest signal, a number a trial."""
    expect(callable(answer), "The answer must be a function, `answer(signal, held_out)`.")
    rng = np.random.default_rng(0)
    for trials, queries in ((10, 40), (25, 12), (5, 150)):
        truth = 6 + rng.exponential(size=(trials, queries))
        signal = np.round(truth + 0.4 * rng.normal(size=truth.shape), 1)  # with ties
        held_out = truth + 0.3 * rng.normal(size=truth.shape)
        before = signal.copy(), held_out.copy()
        found = np.asarray(answer(signal, held_out), dtype=float)
        expect(
            (signal == before[0]).all() and (held_out == before[1]).all(),
            "Your function changes the arrays that it is given.",
        )
        expect(
            found.shape == (trials,),
            f"{trials} trials have {trials} results, yours have shape {found.shape}: each trial "
            "counts once, the unlucky ones too.",
        )
        expect(
            not np.allclose(found, signal.min(axis=1)),
            "That is the driving signal, the number that was selected on.",
        )
        expect(
            not np.allclose(found, held_out.min(axis=1)),
            "That selects on the held-out errors, so that they are not held out any more. What did "
            "the search itself know when it chose its best cell?",
        )
        right = held_out[np.arange(trials), signal.argmin(axis=1)]
        expect_close(
            found,
            right,
            "It is not the held-out error of the cell that the search would name as its best: lowest "
            "signal, and of equal signals the earlier query.",
        )
    return (
        "the signal chooses, the held-out error is reported, and every trial counts once. The two "
        "bugs were a choice by the held-out error, and the best of five seeds."
    )


@exercise
def check_worst(answer):
    """(14.8), and its three special cases."""
    expect(callable(answer), "The answer must be a function, `answer(mean, deviation, floor)`.")
    expect_close(
        float(answer(6.0, 0.0, 5.5)),
        6.0,
        "Trials without a spread are all equal to their mean, the worst one too.",
    )
    expect(
        np.isinf(float(answer(5.4, 0.2, 5.5))),
        "A mean below the floor cannot be had by any trials: return infinity.",
    )
    expect(
        np.isinf(float(answer(5.5, 0.2, 5.5))),
        "At the floor itself there is no room for a spread: return infinity.",
    )
    expect(
        np.isinf(float(answer(5.4, 0.0, 5.5))),
        "A mean below the floor is impossible without a spread too: return infinity.",
    )
    expect_close(
        float(answer(5.5, 0.0, 5.5)),
        5.5,
        "At the floor and without a spread all trials are equal to the floor; nothing forbids that.",
    )
    rng = np.random.default_rng(1)
    for _ in range(50):
        floor = rng.uniform(4, 6)
        top = floor + rng.uniform(0.2, 5)
        share = rng.uniform(0.05, 0.95)  # of the trials at the top; the others at the floor
        mean = floor + share * (top - floor)
        deviation = (top - floor) * np.sqrt(share * (1 - share))
        found = float(answer(mean, deviation, floor))
        expect(
            found <= top + 1e-9,
            f"Trials of {floor:.3f} and {top:.3f} % alone can have mean {mean:.3f} and deviation "
            f"{deviation:.3f}, but you say that one of them is at least {found:.3f}.",
        )
        expect(
            found >= top - 1e-9,
            f"With mean {mean:.3f} and deviation {deviation:.3f} above {floor:.3f} no trials can all be "
            f"below {top:.3f}; you allow {found:.3f}.",
        )
    return (
        "the bound is sharp: trials at the floor and at the worst value alone attain it, and every other "
        "sample of that mean and spread has a worse one."
    )


@exercise
def check_survivors(answer):
    """Holm's procedure, down the sorted list until the first that fails."""
    expect(
        isinstance(answer, (set, frozenset, list, tuple)), "Answer with a set of names, {'A', ...}."
    )
    named = set(answer)
    expect(named <= set("ABCDEFG"), "The names are those of the table, 'A' to 'G'.")
    expect(not named & {"C", "D", "G"}, "One of yours is above 0.05 as soon as it is corrected.")
    expect("B" in named, "The smallest p-value is multiplied by seven. Is it above 0.05 then?")
    expect(
        "E" in named,
        "The second smallest has only six chances left to share with, not seven: that is what Holm's "
        "procedure gains over Bonferroni's.",
    )
    expect(
        "A" not in named,
        "Once one has failed, all after it have failed: the maximum in (14.5) runs over what stands "
        "before.",
    )
    expect("F" not in named, "The third smallest is multiplied by five.")
    return "0.004 x 7 and 0.008 x 6 are below 0.05, 0.0101 x 5 is not, and there the list ends."
