"""``python -m maade_np``: the command line."""

import sys

from maade_np.cli import main

sys.exit(main())
