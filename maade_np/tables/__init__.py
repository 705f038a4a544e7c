"""Tables: where an accuracy comes from when a searcher asks for one."""

from __future__ import annotations

from maade_np.tables.base import Evaluation, Protocol, Table, TableError
from maade_np.tables.nasbench101 import NASBench101
from maade_np.tables.objective import Objective
from maade_np.tables.toy import Toy

__all__ = ["Evaluation", "NASBench101", "Objective", "Protocol", "Table", "TableError", "Toy"]
