"""Plausible wrong answers to the exercises of notebook 14; every check must reject each."""

import math
from statistics import NormalDist

import numpy as np

z = NormalDist().inv_cdf


def _one_sided(deviation, difference, power=0.8, level=0.05):
    return math.ceil(2 * (deviation / difference) ** 2 * (z(1 - level) + z(power)) ** 2)


def _one_mean_only(deviation, difference, power=0.8, level=0.05):
    return math.ceil((deviation / difference) ** 2 * (z(1 - level / 2) + z(power)) ** 2)


def _in_all(deviation, difference, power=0.8, level=0.05):
    return math.ceil(4 * (deviation / difference) ** 2 * (z(1 - level / 2) + z(power)) ** 2)


def _rounded_down(deviation, difference, power=0.8, level=0.05):
    return int(2 * (deviation / difference) ** 2 * (z(1 - level / 2) + z(power)) ** 2)


def _not_rounded(deviation, difference, power=0.8, level=0.05):
    return 2 * (deviation / difference) ** 2 * (z(1 - level / 2) + z(power)) ** 2


def _ignores_its_settings(deviation, difference, power=0.8, level=0.05):
    return math.ceil(15.7 * (deviation / difference) ** 2)


def _squares_apart(deviation, difference, power=0.8, level=0.05):
    return math.ceil(2 * (deviation / difference) ** 2 * (z(1 - level / 2) ** 2 + z(power) ** 2))


def _without_power(deviation, difference, power=0.8, level=0.05):
    return math.ceil(2 * (deviation / difference) ** 2 * z(1 - level / 2) ** 2)


def _latest_of_equals(signal, held_out):
    place = signal.shape[1] - 1 - signal[:, ::-1].argmin(axis=1)
    return held_out[np.arange(len(signal)), place]


def _as_it_stands(signal, held_out):
    return held_out.min(axis=1).reshape(-1, 5).min(axis=1)


def _best_of_five(signal, held_out):
    return held_out[np.arange(len(signal)), signal.argmin(axis=1)].reshape(-1, 5).min(axis=1)


def _mean_of_all_runs(signal, held_out):
    rows = np.arange(len(signal)), signal.argmin(axis=1)
    return (signal[rows] + 2 * held_out[rows]) / 3


def _without_the_worst(signal, held_out):
    final = held_out[np.arange(len(signal)), signal.argmin(axis=1)]
    return final[final < np.quantile(final, 0.9)]


WRONG = {
    "trials_needed": [
        _one_sided,
        _one_mean_only,
        _in_all,
        _rounded_down,
        _not_rounded,
        _ignores_its_settings,
        _squares_apart,
        _without_power,
    ],
    "report": [
        _as_it_stands,
        _best_of_five,
        _latest_of_equals,
        _mean_of_all_runs,
        _without_the_worst,
        lambda signal, held_out: signal.min(axis=1),
        lambda signal, held_out: held_out.min(axis=1),
        lambda signal, held_out: held_out[:, -1],
        lambda signal, held_out: held_out[np.arange(len(signal)), signal.argmax(axis=1)],
        lambda signal, held_out: held_out[np.arange(len(signal)), signal.argmin(axis=1)].mean(),
    ],
    "worst": [
        lambda mean, deviation, floor: (
            mean
            if deviation == 0
            else mean + deviation**2 / (mean - floor)
            if mean > floor
            else math.inf
        ),
        lambda mean, deviation, floor: (
            mean + deviation**2 / (mean - floor) if mean > floor else math.inf
        ),
        lambda mean, deviation, floor: (
            mean + deviation**2 / (mean - floor) if mean > floor else None
        ),
        lambda mean, deviation, floor: mean + deviation**2 / abs(mean - floor),
        lambda mean, deviation, floor: (
            mean + deviation / (mean - floor) if mean > floor else math.inf
        ),
        lambda mean, deviation, floor: mean + deviation if mean > floor else math.inf,
        lambda mean, deviation, floor: 2 * mean - floor if mean > floor else math.inf,
        lambda mean, deviation, floor: (
            floor + deviation**2 / (mean - floor) if mean > floor else math.inf
        ),
    ],
    "survivors": [
        {"A", "B", "C", "E", "F", "G"},  # not corrected
        {"B"},  # Bonferroni
        {"A", "B", "E"},  # without the running maximum
        {"A", "B", "E", "F"},  # Benjamini-Hochberg, by and large
        set(),
    ],
}
