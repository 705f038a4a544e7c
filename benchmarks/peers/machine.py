"""What a time was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np


def describe() -> dict[str, Any]:
    """Processor, system, versions, BLAS libraries and thread counts, as plain JSON values.

    What cannot be found out is None. Frameworks are listed if they have been imported. No host
    name, user name or path is recorded.
    """
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "cores_usable": _usable_cores(),
        "os": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "numpy_blas": _numpy_blas(),
        "blas_loaded": _loaded_blas(),
        "thread_settings": {
            name: os.environ[name]
            for name in (
                "OMP_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "MKL_NUM_THREADS",
                "VECLIB_MAXIMUM_THREADS",
                "XLA_FLAGS",
            )
            if name in os.environ
        },
        "frameworks": _frameworks(),
    }


def _processor() -> str | None:
    system = platform.system()
    try:
        if system == "Linux":
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.lower().startswith(("model name", "hardware")):
                    return line.partition(":")[2].strip()
        if system == "Darwin":
            return subprocess.run(
                ["sysctl", "-n", "machdep.cpu.brand_string"],
                check=True,
                capture_output=True,
                text=True,
                timeout=5,
            ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return platform.processor() or os.environ.get("PROCESSOR_IDENTIFIER") or None


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _numpy_blas() -> str | None:
    try:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{blas.get('name', '?')} {blas.get('version', '?')}"
    except (KeyError, TypeError, AttributeError):
        return None


def _loaded_blas() -> list[dict[str, Any]] | None:
    """Libraries with a thread pool that this process has loaded; None without threadpoolctl."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    kept = ("user_api", "internal_api", "version", "num_threads", "architecture")
    return [{key: pool.get(key) for key in kept if key in pool} for pool in threadpool_info()]


def _frameworks() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("torch", "jax", "jaxlib", "autograd"):
        module = sys.modules.get(name)
        if module is not None:
            found[name] = getattr(module, "__version__", None) or _installed_version(name)
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch_threads"] = torch.get_num_threads()
    jax = sys.modules.get("jax")
    if jax is not None:
        found["jax_backend"] = jax.default_backend()
    return found


def _installed_version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    import json

    print(json.dumps(describe(), indent=2))
