"""Run a program that imports ``nasbench``, unmodified, on this package.

``python -m maade_np.compat.nasbench program.py arguments``
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from maade_np.compat.nasbench._install import install

USAGE = """usage: python -m maade_np.compat.nasbench PROGRAM [ARGUMENT ...]

Runs a Python program that imports the package nasbench, unmodified, with maade_np's stand-in
for it: no TensorFlow. PROGRAM is the path of a .py file; it gets the arguments after it."""


def main(arguments: list[str]) -> None:
    """Run the program named first with the arguments after it."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        raise SystemExit(0 if arguments else 2)
    program = Path(arguments[0])
    if not program.is_file():
        print(f"there is no program {program}\n\n{USAGE}", file=sys.stderr)
        raise SystemExit(2)
    install()
    sys.argv = [str(program), *arguments[1:]]
    if not sys.flags.safe_path:
        sys.path[0] = str(program.resolve().parent)  # as `python program.py` has it
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
