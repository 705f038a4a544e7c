"""Saving the state of a search: nested dicts of arrays and plain values, without pickles."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from maade_np.files import atomic_write

FORMAT = "maade-np/state/1"


def save_state(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a state atomically as one .npz: the arrays, and the rest as JSON.

    Parameters
    ----------
    path : path-like
    state : dict
        Nested dicts and lists of arrays, numbers, strings, booleans and None.
    """
    arrays: dict[str, np.ndarray] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays[f"array{len(arrays)}"] = value
            return {"$array": f"array{len(arrays) - 1}"}
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value.item() if isinstance(value, np.generic) else value

    tree = json.dumps(plain(state))
    with atomic_write(path) as file:
        np.savez(file, format=FORMAT, tree=tree, **arrays)  # type: ignore[arg-type]


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a state that `save_state` wrote.

    Raises
    ------
    ValueError
        The file is no such state, or is damaged.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as archive:
            if str(archive["format"]) != FORMAT:
                raise ValueError(f"its format is {str(archive['format'])!r}, expected {FORMAT!r}")
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no checkpoint of a search ({error}); delete it to start anew"
        ) from error

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"$array"}:
                return arrays[value["$array"]]
            return {key: whole(item) for key, item in value.items()}
        return [whole(item) for item in value] if isinstance(value, list) else value

    state: dict[str, Any] = whole(json.loads(str(arrays["tree"])))
    return state
