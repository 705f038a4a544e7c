"""Solutions of notebook 8: the factorised first block."""

from __future__ import annotations

import numpy as np


def break_even(N, P):
    """8.1: N P a < B N^2 a, that is B > P / N.

    Strictly greater: where P / N is a whole number the two forms have equally many there, so it takes
    one string more. P // N + 1 is right in both cases. For NAS-Bench-101, 57 // 26 + 1 = 3.
    """
    return P // N + 1


def contexts(scores, K, chi):
    """8.2: equation 8.9 without W_1.

    omega = exp(scores) does not depend on the strings, so omega * K is made once, and chi @ (omega * K)
    adds up the rows that each string chose. With scores between -10 and 10 no shift is needed; in
    general one subtracts the largest score, which cancels. A string that chose nothing has 0 / 0:
    putting 1 for the denominator there gives the zero vector.
    """
    omega = np.exp(scores)
    numerator = chi @ (omega[:, None] * K)
    denominator = chi @ omega[:, None]
    return numerator / np.where(denominator == 0, 1, denominator)


def silent(dkeys, pairs, P):
    """8.3: what is looked up many times collects a sum.

    `dK[pairs] += x` means `dK[pairs] = dK[pairs] + x`: all old rows are read, all new rows are
    written, and of several writes to one row the last one stays. `np.add.at` adds one after the other.
    """
    dK = np.zeros((P, dkeys.shape[-1]), dtype=dkeys.dtype)
    np.add.at(dK, pairs, dkeys)
    return dK
