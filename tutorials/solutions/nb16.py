"""Solutions of notebook 16."""

from __future__ import annotations

import math

import numpy as np

from maade_np import backend


def log_mean_exp(x):
    # The module comes from the array. The largest of *each row* is taken out before exp, so that the
    # largest term is exactly 1: nothing overflows, and no row is lost. `log(n)` is a Python number,
    # which may meet arrays of any module and leaves float32 what it is.
    xp = backend.array_module(x)
    top = x.max(axis=1)
    return top + xp.log(xp.exp(x - top[:, None]).sum(axis=1)) - math.log(x.shape[1])


def baseline(batches, decay=0.9):
    # The bug: `to_device(value, xp)` *copies* to a device but not on NumPy, where `average` is the very
    # array that `value *= decay` goes on changing. So on a device the average stays what it was at the
    # first batch, and the numbers look plausible. Never rely on asarray sharing memory, nor on its
    # not sharing it.
    #
    # And there was no need to go to the host at all: a mean is an array, and can stay.
    average = batches[0].mean().reshape(1)
    for batch in batches[1:]:
        average = decay * average + (1 - decay) * batch.mean()
    return average


def break_even(launches, microseconds, fixed_ms, per_string_ms):
    # fixed + per_string * B > launches * microseconds / 1000, solved for B; floor + 1 because at
    # equality it is not longer yet.
    launching = launches * microseconds / 1000
    return max(1, int(np.floor((launching - fixed_ms) / per_string_ms)) + 1)
