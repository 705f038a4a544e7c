"""Plausible wrong answers to the exercises of notebook 16; every check must reject each."""

import math

import numpy as np

from maade_np import backend


def _np_instead(x):
    top = x.max(axis=1)
    return top + np.log(np.exp(x - top[:, None]).sum(axis=1)) - np.log(x.shape[1])


def _unstable(x):
    xp = backend.array_module(x)
    return xp.log(xp.exp(x).mean(axis=1))


def _one_maximum_for_all(x):
    xp = backend.array_module(x)
    top = x.max()
    return top + xp.log(xp.exp(x - top).sum(axis=1)) - math.log(x.shape[1])


def _there_and_back(x):
    xp = backend.array_module(x)
    host = backend.to_host(x)
    top = host.max(axis=1)
    found = top + np.log(np.exp(host - top[:, None]).sum(axis=1)) - math.log(host.shape[1])
    return backend.to_device(found.astype(host.dtype), xp)


def _in_place(x):
    xp = backend.array_module(x)
    top = x.max(axis=1)
    x -= top[:, None]
    return top + xp.log(xp.exp(x).sum(axis=1)) - math.log(x.shape[1])


def _without_the_mean(x):
    xp = backend.array_module(x)
    top = x.max(axis=1)
    return top + xp.log(xp.exp(x - top[:, None]).sum(axis=1))


def _always_double(x):
    xp = backend.array_module(x)
    x = x.astype(np.float64)
    top = x.max(axis=1)
    return top + xp.log(xp.exp(x - top[:, None]).sum(axis=1)) - math.log(x.shape[1])


def _row_by_row(x):
    xp = backend.array_module(x)
    rows = [float(row.max()) + math.log(float(xp.exp(row - row.max()).mean())) for row in x]
    return xp.asarray(np.array(rows))


def _as_it_stands(batches, decay=0.9):
    xp = backend.array_module(*batches)
    value = np.array([float(backend.to_host(batches[0].mean()))])
    average = backend.to_device(value, xp)
    for batch in batches[1:]:
        value *= decay
        value += (1 - decay) * float(backend.to_host(batch.mean()))
    return average


def _moved_at_the_end(batches, decay=0.9):
    """Right, but with a wait for every batch."""
    xp = backend.array_module(*batches)
    value = float(backend.to_host(batches[0].mean()))
    for batch in batches[1:]:
        value = decay * value + (1 - decay) * float(backend.to_host(batch.mean()))
    return backend.to_device(np.array([value]), xp)


def _turned_round(batches, decay=0.9):
    average = batches[0].mean().reshape(1)
    for batch in batches[1:]:
        average = (1 - decay) * average + decay * batch.mean()
    return average


def _from_zero(batches, decay=0.9):
    average = 0 * batches[0].mean().reshape(1)
    for batch in batches:
        average = decay * average + (1 - decay) * batch.mean()
    return average


def _of_all_rewards(batches, decay=0.9):
    xp = backend.array_module(*batches)
    return xp.concatenate(batches).mean().reshape(1)


def _a_number(batches, decay=0.9):
    average = batches[0].mean()
    for batch in batches[1:]:
        average = decay * average + (1 - decay) * batch.mean()
    return average


def _in_the_first_batch(batches, decay=0.9):
    average = batches[0][:1]  # a view
    average[...] = batches[0].mean()
    for batch in batches[1:]:
        average *= decay
        average += (1 - decay) * batch.mean()
    return average


WRONG = {
    "log_mean_exp": [
        _np_instead,
        _unstable,
        _one_maximum_for_all,
        _there_and_back,
        _in_place,
        _without_the_mean,
        _always_double,
        _row_by_row,
    ],
    "baseline": [
        _as_it_stands,
        _moved_at_the_end,
        _turned_round,
        _from_zero,
        _of_all_rewards,
        _a_number,
        _in_the_first_batch,
    ],
    "break_even": [
        lambda n, t, a, b: math.ceil((n * t / 1000 - a) / b),  # equal is not longer
        lambda n, t, a, b: max(1, math.floor((n * t - a) / b) + 1),  # microseconds for milliseconds
        lambda n, t, a, b: max(1, math.floor(n * t / 1000 / b) + 1),  # without the fixed part
        lambda n, t, a, b: math.floor((n * t / 1000 - a) / b) + 1,  # below 1
        lambda n, t, a, b: max(1, round((n * t / 1000 - a) / b)),
        lambda n, t, a, b: (n * t / 1000 - a) / b,
        lambda n, t, a, b: max(1, math.floor((n * t / 1000 + a) / b) + 1),
    ],
}
