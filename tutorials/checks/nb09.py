"""Checks of notebook 9: from REINFORCE to PPO."""

from __future__ import annotations

from itertools import product

import numpy as np

import maade_np as mn
from checks._common import exercise, expect, expect_close
from maade_np import objectives

TRUE_LOGS = {"I": "tempered", "II": "right", "III": "misaligned"}
EXPLANATIONS = ("right", "recomputed", "tempered", "misaligned")


@exercise
def check_six_cases(push):
    """Compare a push with the complex step of the package's loss, on random strings."""
    rng = np.random.default_rng(91)
    for form, epsilon in product(("paper", "clipped"), (0.05, 0.1, 0.3)):
        ratio = np.exp(rng.normal(0, 0.5, 400))
        away = np.minimum(abs(ratio - 1 - epsilon), abs(ratio - 1 + epsilon)) > 1e-6
        ratio = ratio[away]
        advantage = rng.normal(size=len(ratio))
        numeric = -len(ratio) * np.array(
            [
                objectives.ppo(
                    np.log(ratio) + 1e-30j * (np.arange(len(ratio)) == k),
                    np.zeros(len(ratio)),
                    advantage,
                    epsilon,
                    form,
                )[0].imag
                / 1e-30
                for k in range(len(ratio))
            ]
        )
        mine = np.asarray(push(ratio.copy(), advantage.copy(), epsilon, form), float)
        expect(
            mine.shape == ratio.shape,
            f"For arrays of shape {ratio.shape} the push has shape {mine.shape}; one number a string.",
        )
        inside = abs(ratio - 1) < epsilon
        expect(
            not np.allclose(mine[inside], -numeric[inside]) or np.allclose(numeric[inside], 0),
            "In range every sign is turned round: the push is the direction of ascent.",
        )
        expect_close(
            mine[inside],
            numeric[inside],
            f"form={form!r}: something is off in range, where nothing is clipped. The derivative is by "
            "log P, not by r.",
        )
        for name, where in (("above", ratio > 1 + epsilon), ("below", ratio < 1 - epsilon)):
            for sign, chosen in (("A > 0", advantage > 0), ("A < 0", advantage < 0)):
                cases = where & chosen
                expect_close(
                    mine[cases],
                    numeric[cases],
                    f"form={form!r}, {sign}, r {name} the range: the push is not the loss's "
                    "derivative there.",
                )
    return "two of the six cases tell the forms apart, both of them for bad strings."


def _conditionals(rng, sizes, spread):
    found = []
    for size in sizes:
        logits = rng.normal(0, spread, size)
        found.append(np.exp(logits) / np.exp(logits).sum())
    return found


@exercise
def check_worth(worth):
    """Compare the share with the sum over all strings."""
    rng = np.random.default_rng(92)
    for sizes in ([2], [3, 2], [2, 3, 4], [2] * 6):
        new, old = _conditionals(rng, sizes, 0.5), _conditionals(rng, sizes, 0.5)
        strings = list(product(*map(range, sizes)))
        P = np.array([np.prod([p[a] for p, a in zip(new, s, strict=True)]) for s in strings])
        Q = np.array([np.prod([p[a] for p, a in zip(old, s, strict=True)]) for s in strings])
        mine, right = worth(new, old), 1 / (P**2 / Q).sum()
        if len(sizes) == 1:
            expect(
                not np.isclose(mine, 1 / (Q**2 / P).sum()),
                "Even with a single decision it is off: whose strings are they, and whose square is it?",
            )
            expect_close(mine, right, "Even with a single decision it is off.")
        expect_close(
            mine,
            right,
            f"With {len(sizes)} decisions it is not what the sum over all {len(strings)} strings says.",
        )
    expect_close(
        worth(old, old), 1.0, "A policy that did not move leaves the batch its whole worth."
    )
    half = 0.5 * np.sqrt(2 ** (1 / 26) - 1)
    return (
        "independent decisions multiply. Half of the batch is gone when each of 26 even decisions "
        f"has moved from 0.50 to {0.5 + half:.3f}."
    )


def _reference_updates(
    policy, optimizer, actions, orders, advantage, updates, epsilon, form="clipped"
):
    old_log_prob, _ = policy.forward(actions, orders)
    for _ in range(updates):
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = objectives.ppo(log_prob, old_log_prob, advantage, epsilon, form)
        optimizer.step(policy.backward(dlog_prob, cache))


@exercise
def check_updates(ppo_updates):
    """Compare the parameters after some updates with those of a right implementation."""
    space = mn.tables.Toy().space
    rng = np.random.default_rng(93)
    for form, updates in product(("clipped", "paper"), (1, 2, 6)):
        after = []
        actions = space.sample(12, rng)
        orders = rng.permuted(np.tile(np.arange(space.size), (12, 1)), axis=1)
        advantage = rng.normal(size=12)
        for function in (ppo_updates, _reference_updates):
            policy = mn.policies.MAADE(space, d=6, rng=3, dtype=np.float64)
            optimizer = mn.optimizers.Adam(policy.params, learning_rate=2e-2)
            function(policy, optimizer, actions, orders, advantage, updates, 0.1, form)
            after.append(np.concatenate([p.ravel() for p in policy.params.values()]))
            expect(
                optimizer.steps == updates,
                f"With updates={updates} the optimizer made {optimizer.steps} steps.",
            )
        expect(
            updates > 1 or np.allclose(*after, rtol=1e-9, atol=1e-12),
            "Already the first update is not the policy gradient of the batch.",
        )
        expect(
            np.allclose(*after, rtol=1e-7, atol=1e-10),
            f"The first update is right; after {updates} (form={form!r}) the parameters are not where "
            "they should be. Which policy drew the strings, and does your ratio compare with that one?",
        )
    return "the old log-probability is a constant of the batch, taken before the first update."


def _log(fault):
    """Return the lines of a run of 25 batches: mean reward, entropy, outside before and after."""
    space = mn.spaces.CategoricalSpace([f"x{i}" for i in range(8)], [3] * 8)
    rng = np.random.default_rng(94)
    gain = rng.dirichlet(np.ones(3), size=8)
    gain -= gain.min(axis=1, keepdims=True)
    gain /= gain.max(axis=1).sum()
    policy = mn.policies.Independent(space, dtype=np.float64)
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=0.04)
    temperature = 2.0 if fault == "tempered" else 1.0
    B = 32
    orders = np.tile(np.arange(8), (B, 1))
    policy.params["b_out"] += np.random.default_rng(95).normal(0, 0.6, (8, 3))
    lines = []
    for _ in range(25):
        actions, old = policy.sample(B, orders, rng, temperature)
        if fault == "tempered":
            tempered = policy.with_params({"b_out": policy.params["b_out"] / temperature})
            old, _ = tempered.forward(actions, orders)
        rewards = gain[np.arange(8), actions].sum(axis=1)
        mean = rewards.mean()
        if fault == "misaligned":
            rewards = np.sort(rewards)
        advantage = mn.baselines.standardised(rewards)
        for k in range(5):
            log_prob, cache = policy.forward(actions, orders)
            if k == 0:
                first = np.mean(abs(np.exp(log_prob - old) - 1) > 0.1)
            _, dlog_prob = objectives.ppo(log_prob, old, advantage, 0.1, "clipped")
            optimizer.step(policy.backward(dlog_prob, cache))
        log_prob, _ = policy.forward(actions, orders)
        last = np.mean(abs(np.exp(log_prob - old) - 1) > 0.1)
        p = np.exp(policy.conditionals(actions[:1], orders[:1])[0])
        lines.append((mean, -(p * np.log(p)).sum(), first, last))
    return lines


def show_logs():
    """Print the three logs of exercise 9.4."""
    for name, fault in TRUE_LOGS.items():
        print(f"run {name}\n  batch  reward  entropy  outside before  outside after")
        lines = _log(fault)
        for k in (0, 1, 2, 6, 12, 18, 24):
            reward, entropy, first, last = lines[k]
            print(f"  {k + 1:5}  {reward:6.2f}  {entropy:7.2f}  {first:14.0%}  {last:13.0%}")


@exercise
def check_logs(answer):
    """Compare the reader's diagnoses with what was done."""
    expect(
        isinstance(answer, dict) and set(answer) == set(TRUE_LOGS),
        "The answer is a dict with the keys 'I', 'II' and 'III'.",
    )
    for said in answer.values():
        expect(said in EXPLANATIONS, f"{said!r} is none of {', '.join(EXPLANATIONS)}.")
    expect(len(set(answer.values())) == 3, "The three runs are three different stories.")
    wrong = [name for name in TRUE_LOGS if answer[name] != TRUE_LOGS[name]]
    expect(
        not wrong,
        f"{len(wrong)} of the three are something else. Ask of each run: what must the ratio be before "
        "the first update? Does the reward climb? Is anything ever outside?",
    )
    return (
        "before the first update every ratio is 1 unless the two log-probabilities are of different "
        "samplers; and a policy that moves as it should while the reward does not climb learns from "
        "something that has nothing to do with its strings."
    )
