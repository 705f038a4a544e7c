"""Solutions of notebook 9: from REINFORCE to PPO."""

from __future__ import annotations

import numpy as np

from maade_np import objectives


def six_cases(ratio, advantage, epsilon, form):
    """9.1: r A where the ratio itself stands in the objective, 0 where a constant does.

    The paper's form is A min(r, 1 + epsilon) for either sign (9.9), so the sign does not matter for
    *whether* there is a push. The standard form flattens good strings above the range and bad ones
    below it (9.10).
    """
    above, below = ratio > 1 + epsilon, ratio < 1 - epsilon
    flat = above if form == "paper" else np.where(advantage >= 0, above, below)
    return np.where(flat, 0.0, ratio * advantage)


def worth(new, old):
    """9.2: one over the product of the decisions' second moments, (9.6).

    E over the *old* policy of r**2 is sum of old (new / old)**2 = sum of new**2 / old, one factor a
    decision. Adding the decisions' chi2 would be right only to first order.
    """
    return 1.0 / np.prod([(p**2 / q).sum() for p, q in zip(new, old, strict=True)])


def updates(policy, optimizer, actions, orders, advantage, updates, epsilon, form="clipped"):
    """9.3: the old log-probability belongs before the loop.

    Inside it, old and new are computed from the same parameters, so r = 1 at every update: nothing
    is clipped, and each update is a REINFORCE step on strings that another policy drew. (In a search
    one takes the log-probability that the sampler returned: strings may have been drawn earlier.)
    """
    old_log_prob, _ = policy.forward(actions, orders)
    for _ in range(updates):
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = objectives.ppo(log_prob, old_log_prob, advantage, epsilon, form)
        optimizer.step(policy.backward(dlog_prob, cache))


# 9.4. Run I: most strings are outside *before* anything moved, so old and new log-probabilities are
# of different distributions: that of the sampler at temperature 2, and the policy's own. The likeliest
# strings have r > 1 + epsilon at once, and where they are good they get no push. Run II: nothing is
# outside before the first update, much after the fifth, the reward climbs, the entropy falls. Run III:
# the ratios behave as in II, but the reward stays where it is: the advantages are of other strings.
# "recomputed" would show 0 % before every update; after the last one it would, too, if the log took
# the same wrong ratio.
logs = {"I": "tempered", "II": "right", "III": "misaligned"}
