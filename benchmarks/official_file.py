"""How long the official file takes: ours, and a plain loop over its rows with C libraries.

    python benchmarks/official_file.py --folder FOLDER [--table nasbench101.npz] [--cells N]

Makes a file in the layout of ``nasbench_only108.tfrecord`` (423,624 cells, three repeats, some 500 MB,
kept in FOLDER), with Google's protobuf and CRC-32C libraries and none of this package's reader. Test
repeat 0 and the parameter counts are those of the table where one is given; all else is random. Then,
each in a fresh process of one thread with an empty cache, converts the file, and reads it with these
libraries: frame, checksums, JSON, base64, message; once dropping the rows, once keeping them as nested
dictionaries, as the published API does. The converted table must equal what was written, exactly.
Writes ``results/official/official.json`` and ``official.md``.

Needs ``protobuf`` and ``google-crc32c``.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

HERE = Path(__file__).parent / "results" / "official"
GOAL_SECONDS, GOAL_MEGABYTES = 60, 1_000
RUNS = {"ours": 3, "parse": 2, "keep": 1}
IMAGES = 9_984
REPEATS = 3
OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
NAMES = {
    "ours": "maade_np: `convert`, the file to a table on disk, everything checked",
    "parse": "plain loop: frames, checksums, JSON, base64, protobuf; rows dropped",
    "keep": "plain loop, rows kept in dictionaries by hash and epochs, as the published API does",
}


@cache
def model_metrics() -> Any:
    """The message class, from a descriptor built here."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="model_metrics.proto", package="nasbench", syntax="proto2"
    )
    Field = descriptor_pb2.FieldDescriptorProto
    single, double = Field.LABEL_OPTIONAL, Field.TYPE_DOUBLE
    evaluation = file.message_type.add(name="EvaluationData")
    names = ("current_epoch", "training_time")
    names += ("train_accuracy", "validation_accuracy", "test_accuracy")
    for number, name in enumerate(names, start=1):
        evaluation.field.add(name=name, number=number, label=single, type=double)
    evaluation.field.add(name="checkpoint_path", number=6, label=single, type=Field.TYPE_STRING)
    metrics = file.message_type.add(name="ModelMetrics")
    metrics.field.add(
        name="evaluation_data",
        number=1,
        label=Field.LABEL_REPEATED,
        type=Field.TYPE_MESSAGE,
        type_name=".nasbench.EvaluationData",
    )
    metrics.field.add(name="trainable_parameters", number=2, label=single, type=Field.TYPE_INT32)
    metrics.field.add(name="total_time", number=3, label=single, type=double)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("nasbench.ModelMetrics"))


def masked_crc(data: bytes) -> int:
    import google_crc32c

    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def made_up(
    cells: int | None, table: str | None, epochs: tuple[int, ...] = (108,)
) -> dict[str, np.ndarray]:
    """Columns of the compact format, and `train` and `halfway`, for the first cells by hash."""
    from maade_np.spaces import nasbench101 as nb

    actions = nb.enumerate_cells()[:cells]
    digests = nb.cell_digests()[nb.cell_numbers(*nb.to_codes(actions))]
    rng = np.random.default_rng(0)
    shape = len(actions), len(epochs), REPEATS
    edges, ops = nb.to_codes(actions)
    columns = {
        "edges": edges.astype(np.uint32),
        "ops": ops.astype(np.uint16),
        "epochs": np.array(epochs, dtype=np.int16),
        "validation": rng.integers(900, 9_500, shape).astype(np.uint16),
        "test": rng.integers(900, 9_500, shape).astype(np.uint16),
        "train_seconds": rng.uniform(100, 5_000, shape).astype(np.float32),
        "params": rng.integers(227_274, 49_979_274, len(actions)).astype(np.uint32),
        "hash": digests,
        "train": rng.uniform(0.1, 1, shape).astype(np.float32),
        "halfway": rng.integers(900, 9_500, (*shape, 4)).astype(np.float32),
    }
    columns["halfway"][..., 1:] /= np.float32(IMAGES)
    if table:
        with np.load(table, allow_pickle=False) as real:
            at = np.isin(real["hash"].view("V16")[:, 0], digests.view("V16")[:, 0])
            columns["test"][:, -1, 0] = real["test"][at, -1, 0]
            columns["params"] = real["params"][at]
    return columns


def official_rows(columns: dict[str, np.ndarray]) -> Iterator[bytes]:
    """The payloads, cell by cell, budget by budget, repeat by repeat."""
    from maade_np.spaces import nasbench101 as nb

    Metrics = model_metrics()
    rng = np.random.default_rng(1)
    actions = nb.from_codes(columns["edges"], columns["ops"])
    matrices, interior = nb.matrix_ops(actions)
    for c, (matrix, labels) in enumerate(zip(matrices, interior, strict=True)):
        used = np.flatnonzero(matrix.any(axis=0) | matrix.any(axis=1))
        adjacency = "".join(map(str, matrix[np.ix_(used, used)].ravel().tolist()))
        operations = ",".join(["input", *(OPS[labels[v - 1]] for v in used[1:-1]), "output"])
        digest = columns["hash"][c].tobytes().hex()
        # float32 sums of batches are off by a few ten-thousandths of an image
        shape = columns["test"].shape[1:]
        noise = rng.uniform(-3e-4, 3e-4, (2, *shape))
        final = (np.stack([columns["validation"][c], columns["test"][c]]) + noise) / IMAGES
        validation, test = final.astype(np.float32).astype(float).tolist()
        seconds, train = columns["train_seconds"][c].tolist(), columns["train"][c].tolist()
        halfway = columns["halfway"][c].tolist()
        for e, epochs in enumerate(columns["epochs"].tolist()):
            for r in range(REPEATS):
                message = Metrics(trainable_parameters=int(columns["params"][c]))
                message.total_time = 3 * seconds[e][r]
                for epoch, values in (
                    (0, (0.0, 0.1, 0.1, 0.1)),
                    (epochs / 2, halfway[e][r]),
                    (epochs, (seconds[e][r], train[e][r], validation[e][r], test[e][r])),
                ):
                    data = message.evaluation_data.add(current_epoch=epoch, training_time=values[0])
                    data.train_accuracy, data.validation_accuracy, data.test_accuracy = values[1:]
                text = base64.encodebytes(message.SerializeToString()).decode("ascii")
                yield json.dumps([digest, epochs, adjacency, operations, text]).encode("utf-8")


def write_file(path: Path, columns: dict[str, np.ndarray]) -> None:
    """A file of the official layout."""
    length, checksum = Struct("<Q").pack, Struct("<I").pack
    with open(path, "wb") as file:
        for payload in official_rows(columns):
            header = length(len(payload))
            file.write(header + checksum(masked_crc(header)))
            file.write(payload + checksum(masked_crc(payload)))


def plain_loop(path: Path, keep: bool) -> int:
    """Read every row with the libraries; how many there are."""
    Metrics = model_metrics()
    length, checksum = Struct("<Q").unpack, Struct("<I").unpack
    cells: dict[str, Any] = {}
    rows = 0
    with open(path, "rb") as file:
        while header := file.read(12):
            assert checksum(header[8:])[0] == masked_crc(header[:8])
            (size,) = length(header[:8])
            payload = file.read(size)
            assert checksum(file.read(4))[0] == masked_crc(payload)
            digest, epochs, adjacency, operations, text = json.loads(payload.decode("utf-8"))
            message = Metrics.FromString(base64.b64decode(text))
            rows += 1
            if not keep:
                continue
            if digest not in cells:
                size = int(np.sqrt(len(adjacency)))
                matrix = np.array([int(c) for c in adjacency], dtype=np.int8).reshape(size, size)
                cells[digest] = {
                    "matrix": matrix,
                    "ops": operations.split(","),
                    "params": message.trainable_parameters,
                    "runs": {},
                }
            run = {}
            for name, data in zip(("halfway", "final"), message.evaluation_data[1:], strict=True):
                run[name + "_training_time"] = data.training_time
                run[name + "_train_accuracy"] = data.train_accuracy
                run[name + "_validation_accuracy"] = data.validation_accuracy
                run[name + "_test_accuracy"] = data.test_accuracy
            cells[digest]["runs"].setdefault(epochs, []).append(run)
    return rows


def child(what: str, source: Path, target: Path) -> None:
    """One measurement, in a process of its own; prints JSON."""
    if what == "ours":
        from maade_np.tables.convert import convert

        work: Callable[[], int] = lambda: convert(source, target)["rows"]  # noqa: E731
    else:
        model_metrics()
        work = lambda: plain_loop(source, keep=what == "keep")  # noqa: E731
    start, processor = time.perf_counter(), time.process_time()
    found = {"rows": work()}
    found["seconds"] = time.perf_counter() - start
    found["processor_seconds"] = time.process_time() - processor
    print(json.dumps(found | {"megabytes": peak_megabytes()}))


def peak_megabytes() -> float | None:
    """The largest resident size this process had, in 10**6 bytes."""
    status = Path("/proc/self/status")  # Linux: the other figure also counts the parent's size
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(what: str, source: Path, target: Path) -> dict[str, Any]:
    """Run `child` in fresh processes of one thread with an empty cache; the fastest run."""
    runs = [_run(what, source, target) for _ in range(RUNS[what])]
    return min(runs, key=lambda run: run["seconds"]) | {"runs": [run["seconds"] for run in runs]}


def _run(what: str, source: Path, target: Path) -> dict[str, Any]:
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as empty:
        one = {"MAADE_CACHE": empty, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        run = subprocess.run(
            [sys.executable, __file__, "--child", what, str(source), str(target)],
            env=os.environ | one,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return json.loads(run.stdout.splitlines()[-1])


def differences(target: Path, columns: dict[str, np.ndarray]) -> list[str]:
    """Columns of the converted table that differ from what was written."""
    with np.load(target, allow_pickle=False) as found:
        keys = ("hash", "edges", "ops", "epochs", "validation", "test", "train_seconds", "params")
        return [key for key in keys if not np.array_equal(found[key], columns[key])]


def markdown(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    m, ours = found["machine"], found["times"]["ours"]
    lines = [
        "Made by `python benchmarks/official_file.py`: fresh processes of one thread, cache empty; the",
        f"fastest of {RUNS['ours']}, {RUNS['parse']} and {RUNS['keep']} runs. "
        f"Load average before: {found['load'] or float('nan'):.1f}.",
        f"Machine: {m.get('processor')}, {m.get('os')}, Python {m.get('python')}, "
        f"NumPy {m.get('numpy')}; protobuf {found['libraries']['protobuf']}, "
        f"google-crc32c {found['libraries']['google-crc32c']}.",
        "",
        f"File: {found['cells']:,} cells, {ours['rows']:,} rows, {found['bytes'] / 1e6:.0f} MB, "
        f"{found['values']}. The converted table equals what was written, exactly; "
        f"it has {found['table_bytes'] / 1e6:.1f} MB.",
        "",
        "| | seconds | of these on the processor | times ours, processor | us a row, processor "
        "| peak memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for what, name in NAMES.items():
        row = found["times"][what]
        memory = f"{row['megabytes']:.0f} MB" if row["megabytes"] else "?"
        lines.append(
            f"| {name} | {row['seconds']:.1f} | {row['processor_seconds']:.1f} "
            f"| {row['processor_seconds'] / ours['processor_seconds']:.2f} "
            f"| {1e6 * row['processor_seconds'] / row['rows']:.1f} | {memory} |"
        )
    reached = ours["seconds"] <= GOAL_SECONDS and (ours["megabytes"] or 0) <= GOAL_MEGABYTES
    lines.append(
        f"\nGoal: at most {GOAL_SECONDS} s and {GOAL_MEGABYTES:,} MB for the whole file: "
        f"{'reached' if reached else '**not reached**'}."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, help="where the file is made (and found again)")
    parser.add_argument("--table", help="take test repeat 0 and parameter counts from this table")
    parser.add_argument("--cells", type=int, help="only the first so many, to see that it runs")
    parser.add_argument("--out", type=Path, default=HERE, help="default: %(default)s")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, source, target = arguments.child
        return child(what, Path(source), Path(target))
    if arguments.folder is None:
        parser.error("--folder is needed: some 600 MB are written there")
    from importlib.metadata import version

    from peers import machine

    from maade_np.files import write_text

    name = f"official-{arguments.cells or 'all'}-{'real' if arguments.table else 'random'}"
    source, target = (arguments.folder / (name + end) for end in (".tfrecord", ".npz"))
    columns = made_up(arguments.cells, arguments.table)
    if not source.exists():
        temporary = source.with_suffix(".part")
        write_file(temporary, columns)
        os.replace(temporary, source)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    times = {what: measure(what, source, target) for what in reversed(NAMES)}
    wrong = differences(target, columns)
    if wrong:
        raise SystemExit(f"the converted table differs from what was written in {wrong}")
    values = "test repeat 0 and parameter counts real, all else random"
    found = {
        "machine": machine.describe(),
        "libraries": {p: version(p) for p in ("protobuf", "google-crc32c")},
        "cells": len(columns["hash"]),
        "bytes": source.stat().st_size,
        "table_bytes": target.stat().st_size,
        "values": values if arguments.table else "all values random",
        "load": load,
        "times": times,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "official.json", json.dumps(found, indent=1) + "\n")
    write_text(arguments.out / "official.md", markdown(found))
    print(markdown(found))
    return None


if __name__ == "__main__":
    main()
