"""A drop-in for the package ``nasbench``, the official interface of NAS-Bench-101, in NumPy.

Use it in its place, ``from maade_np.compat.nasbench import api``, or have programs that were
written for the original find it under the original's name::

    from maade_np.compat import nasbench
    nasbench.install()          # before anything imports nasbench
    from nasbench import api    # this package

    python -m maade_np.compat.nasbench program.py arguments

It reads the official ``.tfrecord`` files and the compact ``.npz`` tables. See `api` for what
differs from the original.
"""

from __future__ import annotations

from maade_np.compat.nasbench._install import install, uninstall

__all__ = ["install", "uninstall"]
