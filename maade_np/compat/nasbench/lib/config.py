"""The settings under which NAS-Bench-101 was made, as ``nasbench.lib.config`` gives them.

Source: Ying et al., "NAS-Bench-101" (2019), and `nasbench/lib/config.py`. There they are
command-line flags; here they are constants, and every call gives a fresh dictionary.
"""

from __future__ import annotations

from typing import Any

from maade_np.spaces.nasbench101 import MAX_EDGES, OPS, VERTICES


def build_config() -> dict[str, Any]:
    """The settings by name; changing the dictionary changes nobody else's.

    Examples
    --------
    >>> config = build_config()
    >>> config["module_vertices"], config["max_edges"], config["num_repeats"]
    (7, 9, 3)
    """
    search_space = {
        "module_vertices": VERTICES,
        "max_edges": MAX_EDGES,
        "available_ops": list(OPS),
    }
    network = {
        "stem_filter_size": 128,
        "num_stacks": 3,
        "num_modules_per_stack": 3,
        "num_labels": 10,
        "data_format": "channels_last",
    }
    training = {
        "batch_size": 256,
        "train_epochs": 108,
        "train_seconds": 4.0 * 60 * 60,
        "learning_rate": 0.1,
        "lr_decay_method": "COSINE_BY_STEP",
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "max_attempts": 5,
        "intermediate_evaluations": ["0.5"],
        "num_repeats": 3,
        "use_tpu": True,
        "tpu_iterations_per_loop": 100,
        "tpu_num_shards": 2,
    }
    files = {
        "train_data_files": [],
        "valid_data_file": "",
        "test_data_file": "",
        "sample_data_file": "",
    }
    return search_space | network | training | files
