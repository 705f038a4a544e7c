"""ReMAADE: search by policy gradient (the paper's algorithm), with every choice a setting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from maade_np import baselines, objectives
from maade_np.backend import device_module, to_device, to_host
from maade_np.optimizers import Adam
from maade_np.policies import MAADE, Policy
from maade_np.searchers.base import Proposals, Searcher, Settings, setting, streams
from maade_np.searchers.critic import Critic
from maade_np.searchers.rejection import Rejection, contains, first_occurrences
from maade_np.spaces import CategoricalSpace
from maade_np.spaces.mutation import mutate

ADVANTAGES = ("raw", "standardised", "rank")


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """What all policy-gradient searchers share. The defaults are the paper's for 150 queries."""

    batch_size: int = setting(30, "B, valid strings a batch")
    learning_rate: float = setting(1e-2, "alpha, Adam's step size")
    orders: str = setting("1", "S, number of orders drawn at the start; 'all'; or 'natural'")
    objective: str = setting("reinforce", "what is optimised", ("reinforce", "ppo"))
    ppo_form: str = setting(
        "paper", "PPO as printed in the paper or as in the literature", ("paper", "clipped")
    )
    epsilon: float = setting(0.1, "PPO's clipping range")
    updates: int = setting(1, "K, gradient steps a batch; more than 1 needs PPO")
    advantage: str = setting(
        "raw", "reward less moving average, or the batch's z-scores or ranks", ADVANTAGES
    )
    baseline_decay: float = setting(0.9, "decay of the moving-average baseline")
    entropy: float = setting(0.0, "weight of the entropy bonus")
    entropy_form: str = setting(
        "full", "estimator of the entropy's gradient", ("full", "score", "pathwise")
    )
    duplicates: str = setting(
        "charge",
        "'charge' a cell that was proposed before as a query, or 'skip' it and draw again",
        ("charge", "skip"),
    )
    temperature: float = setting(1.0, "sampling temperature")
    temperature_ramp: float = setting(
        0.1, "with duplicates skipped, temperature added a round of draws after 'patience' rounds"
    )
    patience: int = setting(3, "rounds of draws before the temperature rises")
    critic: str = setting(
        "off",
        "a Gaussian process on all results that screens strings from the policy and mutants of the "
        "best before they are evaluated",
        ("off", "gp"),
    )
    candidates: int = setting(100, "with a critic, strings from the policy, and as many mutants")
    parents: int = setting(5, "with a critic, the best strings that are mutated")
    dtype: str = setting("float32", "type of the parameters", ("float32", "float64"))
    device: str = setting("cpu", "where the policy lives; cuda needs CuPy", ("cpu", "cuda"))

    def make_policy(self, space: CategoricalSpace, rng: np.random.Generator) -> Policy:
        """Make the policy at its start, on the host."""
        raise NotImplementedError(f"{type(self).__name__} has no make_policy")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("batch_size", "updates", "candidates", "parents"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.updates > 1 and self.objective != "ppo":
            raise ValueError(
                f"updates is {self.updates} with objective {self.objective!r}: after the first update "
                "the batch is no sample of the policy any more; use objective='ppo'"
            )
        if self.advantage != "raw" and self.batch_size < 2:
            raise ValueError(
                f"advantage {self.advantage!r} compares the strings of a batch; "
                f"with batch_size {self.batch_size} it is always 0, so nothing would be learnt"
            )
        for name in ("entropy", "temperature_ramp", "patience"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        for name in ("temperature", "epsilon"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")


@dataclass(frozen=True)
class PolicyGradientSettings(TrainingSettings):
    """Settings of ReMAADE. The defaults are the paper's for 150 queries."""

    d: int = setting(36, "width of queries, keys and values")
    blocks: int = setting(1, "M, number of Simplified Transformer blocks")
    ff_width: int | None = setting(None, "width inside PosFF (default: d)")
    attention_width: int | None = setting(None, "width of the attention's tanh (default: d)")
    attention: str = setting("additive", "how keys are scored", ("additive", "dot"))
    value_embedding: str = setting(
        "family", "a matrix of value vectors a family, or one shared by all", ("family", "shared")
    )

    def make_policy(self, space: CategoricalSpace, rng: np.random.Generator) -> MAADE:
        """Make the MAADE that the settings describe."""
        return MAADE(
            space,
            d=self.d,
            blocks=self.blocks,
            ff_width=self.ff_width,
            attention_width=self.attention_width,
            value_embedding=self.value_embedding,
            attention=self.attention,
            rng=rng,
            dtype=self.dtype,
        )


# what benchmarks/strong.py found best at 150 queries
STRONG_TRAINING: dict[str, Any] = {
    "batch_size": 12,
    "advantage": "rank",
    "objective": "ppo",
    "updates": 3,
    "duplicates": "skip",
    "critic": "gp",
}
STRONG = PolicyGradientSettings(**STRONG_TRAINING)
PAPER_SHORT = PolicyGradientSettings()
PAPER_MEDIUM = PolicyGradientSettings(
    batch_size=64, learning_rate=1e-3, d=45, orders="4", objective="ppo"
)


class PolicyGradient(Searcher):
    """Sample a batch from the policy, get rewards, ascend the policy gradient; repeat.

    An update is made whenever the results of `batch_size` proposals are there, however they came in:
    those with the lowest ids make the batch. Results of proposals that an older policy made are
    treated like all others by REINFORCE, and by their ratio to the old probability by PPO.

    Invalid strings are drawn again, so strings come from the policy *given validity* while the
    gradient is that of the unconditional log-probability, as in the paper:
    ``E[(f - b) grad log P] = grad E_valid[f] + (E_valid[f] - b) grad log Z`` with Z the probability
    of validity. The second term vanishes as the baseline b approaches the mean reward.

    With a critic (`Critic`) the policy proposes and the critic chooses: among `candidates` strings from
    the policy and as many mutants of the `parents` best strings so far, those are evaluated whose draws
    from the critic's posterior are highest; only cells that were not evaluated are candidates, whatever
    `duplicates` says, as with BANANAS and NASBOT. They are no sample of the policy then. What is ascended
    is the advantage-weighted log-likelihood of the chosen strings, with PPO's ratio bounding each step: a
    search heuristic, not an estimate of the policy gradient (`benchmarks/results/strong/` shows what it
    is worth).

    Attributes
    ----------
    policy : Policy
        What `settings.make_policy` makes: MAADE for "remaade".
    orders : ndarray (S, N) or None
        The orders that are mixed; None where each string gets a fresh one.
    metrics : list of dict
        One entry an update: "mean_reward", "baseline", "loss" (before the first step), "entropy"
        (minus the strings' mean log-probability, an estimate), "kl" (from the policy that drew the
        batch to the one before the last step, estimated as mean(r - 1 - log r); only where there was
        more than one step), "clipped" (share of strings outside the clipping range at the last step).
    """

    name = "remaade"
    observation_reason = (
        "a policy gradient is an average over strings that the policy drew itself; "
        "ask, evaluate and tell instead"
    )
    settings: TrainingSettings

    def __init__(self, space: CategoricalSpace, settings: TrainingSettings, seed: int = 0) -> None:
        super().__init__(space, settings, seed)
        self._rngs = streams(seed, "start", "orders", "strings", "critic")
        self.policy = self.make_policy(self._rngs.pop("start"))
        self.optimizer = Adam(self.policy.params, learning_rate=settings.learning_rate)
        self.baseline = baselines.MovingAverage(settings.baseline_decay)
        self.rejection = Rejection(space, settings.duplicates)
        self.critic = Critic(space) if settings.critic == "gp" else None
        self.orders = make_orders(settings.orders, space.size, self._rngs["orders"])
        self.metrics: list[dict[str, float]] = []
        self._told: tuple[Proposals, np.ndarray] | None = None

    def make_policy(self, rng: np.random.Generator) -> Policy:
        """Make the policy at its start, from the seed's own stream, on its device."""
        policy, device = self.settings.make_policy(self.space, rng), self.settings.device
        return policy if device == "cpu" else policy.to(device_module(device))

    @property
    def batch_size(self) -> int:
        """B."""
        return self.settings.batch_size

    def propose(self, n: int) -> dict[str, np.ndarray]:
        """Draw n valid strings from the policy."""
        draw = self._draw
        if self.critic is not None and self.critic.ready:
            self.critic.fit(self._rngs["critic"])
            draw = self._draw_screened
        chosen = self.rejection.collect(n, draw)
        self.counts["resampled"] = self.rejection.resampled
        return chosen

    def _draw(self, count: int, tries: int) -> dict[str, np.ndarray]:
        s = self.settings
        ramp = s.temperature_ramp * max(0, tries - s.patience) if s.duplicates == "skip" else 0.0
        orders = self._draw_orders(count)
        actions, log_prob = self.policy.sample(
            count, orders, self._rngs["strings"], s.temperature + ramp
        )
        log_prob = to_host(log_prob).astype(np.float64)
        return {"actions": actions, "orders": orders, "log_prob": log_prob}

    def _draw_screened(self, count: int, tries: int) -> dict[str, np.ndarray]:
        """Draw many and let the critic choose."""
        assert self.critic is not None
        s, rng, archive = self.settings, self._rngs["critic"], self.critic.archive
        drawn = self._draw(s.candidates, tries)
        parents = archive.actions[archive.best_first()[: s.parents]]
        parents = parents[np.arange(s.candidates) % len(parents)]
        orders = self._draw_orders(s.candidates)
        # four changes on average, as naszilla's first code has them on NAS-Bench-101
        mutants = mutate(self.space, parents, rng, min(0.5, 4 / self.space.size), valid=False)
        log_prob, _ = self.policy.forward(mutants, orders)
        mutated = {
            "actions": mutants,
            "orders": orders,
            "log_prob": to_host(log_prob).astype(np.float64),
        }
        pool = {name: np.concatenate([drawn[name], mutated[name]]) for name in drawn}
        new = np.flatnonzero(self._never_evaluated(pool["actions"]))
        if len(new) < count:  # `collect` sorts out what is missing
            rows = np.concatenate([new, np.setdiff1d(np.arange(len(pool["actions"])), new)])
        else:
            scores = self.critic.draw(pool["actions"][new], rng)
            rows = new[np.argsort(-scores, kind="stable")]
        return {name: column[rows[:count]] for name, column in pool.items()}

    def _never_evaluated(self, actions: np.ndarray) -> np.ndarray:
        """Return a mask: new cells, each once. A critic knows the others' rewards already."""
        assert self.critic is not None
        cells = self.space.identity(actions)
        known = contains(np.sort(self.space.identity(self.critic.archive.actions)), cells)
        return first_occurrences(cells) & ~known & self.rejection.new(actions)

    def _draw_orders(self, count: int) -> np.ndarray:
        rng, N = self._rngs["orders"], self.space.size
        if self.orders is None:
            return rng.permuted(np.tile(np.arange(N), (count, 1)), axis=1)
        if len(self.orders) == 1:
            return np.broadcast_to(self.orders, (count, N))
        return self.orders[rng.integers(len(self.orders), size=count)]

    def learn(self, proposals: Proposals, rewards: np.ndarray) -> None:
        """Collect results until they fill a batch, then update the policy."""
        if self._told is not None:
            proposals = Proposals.join([self._told[0], proposals])
            rewards = np.concatenate([self._told[1], rewards])
        while len(rewards) >= self.batch_size:
            by_id = np.argsort(proposals.ids, kind="stable")
            batch, rest = by_id[: self.batch_size], by_id[self.batch_size :]
            self.update(proposals.take(batch), rewards[batch])
            proposals, rewards = proposals.take(rest), rewards[rest]
        self._told = (proposals, rewards) if len(rewards) else None

    def update(self, batch: Proposals, rewards: np.ndarray) -> None:
        """Make K gradient steps on one batch, then move the baseline."""
        s, xp, dtype = self.settings, self.policy.xp, self.policy.dtype
        orders, old_log_prob = batch.orders, batch.log_prob
        assert orders is not None
        assert old_log_prob is not None
        baseline = self.baseline(rewards)
        advantage = to_device(self.advantage(rewards, baseline), xp, dtype=dtype)
        old = to_device(old_log_prob, xp, dtype=dtype)
        metrics = {"mean_reward": float(rewards.mean()), "baseline": baseline}
        metrics["entropy"] = -float(old_log_prob.mean())
        for k in range(s.updates):
            log_prob, cache = self.policy.forward(batch.actions, orders)
            if s.objective == "reinforce":
                loss, dlog_prob = objectives.reinforce(log_prob, advantage)
            else:
                loss, dlog_prob = objectives.ppo(log_prob, old, advantage, s.epsilon, s.ppo_form)
            dconditionals = None
            if s.entropy:
                bonus = objectives.entropy(
                    log_prob,
                    cache.log_probs,
                    batch.actions,
                    orders,
                    self.policy.layout.exists,
                    s.entropy_form,
                )
                loss = loss + s.entropy * bonus.loss
                dlog_prob = dlog_prob + s.entropy * bonus.dlog_prob
                dconditionals = s.entropy * bonus.dconditionals
            if k == 0:
                metrics["loss"] = float(to_host(loss))
            self.optimizer.step(self.policy.backward(dlog_prob, cache, dconditionals))
        if s.updates > 1:
            log_ratio = to_host(log_prob).astype(np.float64) - old_log_prob
            bounded = log_ratio.clip(-objectives.MAX_LOG_RATIO, objectives.MAX_LOG_RATIO)
            metrics["kl"] = float((np.exp(bounded) - 1 - bounded).mean())
            metrics["clipped"] = float((np.abs(np.exp(bounded) - 1) > s.epsilon).mean())
        self.baseline.update(rewards)
        self.metrics.append(metrics)
        if self.critic is not None:
            self.critic.tell(batch.ids, batch.actions, rewards)

    def advantage(self, rewards: np.ndarray, baseline: float) -> np.ndarray:
        """Turn a batch's rewards (B,) into advantages (B,)."""
        if self.settings.advantage == "raw":
            return rewards - baseline
        scale = baselines.ranked if self.settings.advantage == "rank" else baselines.standardised
        return scale(rewards)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that going on needs."""
        told = None
        if self._told is not None:
            told = {**vars(self._told[0]), "rewards": self._told[1]}
        return {
            **super().state_dict(),
            "params": {name: to_host(p).copy() for name, p in self.policy.params.items()},
            "optimizer": self.optimizer.state_dict(),
            "baseline": self.baseline.state_dict(),
            "rejection": self.rejection.state_dict(),
            "critic": None if self.critic is None else self.critic.state_dict(),
            "orders": self.orders,
            "rngs": {name: rng.bit_generator.state for name, rng in self._rngs.items()},
            "told": told,
            "metrics": list(self.metrics),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        super().load_state_dict(state)
        for name, array in self.policy.params.items():
            if name not in state["params"] or state["params"][name].shape != array.shape:
                raise ValueError(
                    f"the state has no parameter {name!r} of shape {array.shape}; "
                    "it belongs to a searcher with other settings"
                )
            array[...] = to_device(state["params"][name], self.policy.xp, dtype=array.dtype)
        self.optimizer.load_state_dict(state["optimizer"])
        self.baseline.load_state_dict(state["baseline"])
        self.rejection.load_state_dict(state["rejection"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        self.orders = state["orders"]
        for name, rng in self._rngs.items():
            rng.bit_generator.state = state["rngs"][name]
        self.metrics = list(state["metrics"])
        self._told = None
        if state["told"] is not None:
            told = dict(state["told"])
            rewards = told.pop("rewards")
            self._told = Proposals(**told), rewards


def make_orders(setting: str | int, N: int, rng: np.random.Generator) -> np.ndarray | None:
    """Return the orders that a search mixes.

    Parameters
    ----------
    setting : int, str
        S: that many distinct permutations of 0 ... N-1, drawn uniformly; "natural": 0 ... N-1;
        "all": None, a fresh one for each string.
    N : int
    rng : numpy.random.Generator

    Returns
    -------
    orders : array (S, N) or None
    """
    if setting == "all":
        return None
    if setting == "natural":
        return np.arange(N)[None]
    try:
        S = int(setting)
    except ValueError:
        S = 0
    if S < 1 or (N < 13 and math.factorial(N) < S):
        raise ValueError(
            f"orders is {setting!r}; give 'natural', 'all', or a number from 1 to N! (N is {N})"
        )
    orders: dict[bytes, np.ndarray] = {}
    while len(orders) < S:
        order = rng.permutation(N)
        orders.setdefault(order.tobytes(), order)
    return np.stack(list(orders.values()))
