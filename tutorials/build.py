"""Build the notebooks from their sources, or check that what is committed is what they give.

    python tutorials/build.py            # all of them
    python tutorials/build.py 5 12       # notebooks 5 and 12
    python tutorials/build.py --check    # what CI does

The source of `05_name.ipynb` is `05_name.py`, in jupytext's percent format. Each is executed from
top to bottom on a fresh kernel in this folder, with one thread for linear algebra. What differs
from run to run and says nothing (times, versions, random ids) is not written, and the index in
README.md is made from the notebooks' heads.

`--check` executes every source again, without writing anything, and fails where a notebook's cells
are not those of its source, an output is missing, of another kind, an error or a warning, where its
header is incomplete, its file too large, or its run too slow.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maade_np.files import write_text

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
INDEX = re.compile(
    r"(?<=<!-- index: made by build.py -->\n).*?(?=<!-- end of index -->)", re.DOTALL
)
HEADER = re.compile(
    r"^\*Reading time about (?P<reading>\d+) minutes? · runs in about (?P<running>\d+) seconds? · "
    r"assumes (?P<assumes>[^*\n]+)\*$",
    re.MULTILINE,
)
OPENING = ("**What you will do**", "**What you will learn**", "**What you will need**")
SECTIONS = ("## Exercises", "## In practice", "## Further reading")
LIMIT_ONE, LIMIT_ALL = 60.0, 480.0  # seconds
LIMIT_BYTES = 700_000
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


@dataclass(frozen=True)
class Head:
    """What a notebook says of itself in its first cell."""

    number: int
    title: str
    reading: str
    running: str
    assumes: str
    learn: str


def sources(numbers: list[int] | None = None) -> list[Path]:
    """Return the sources in order, all or those of the given numbers."""
    found = sorted(HERE.glob("[0-9][0-9]_*.py"))
    missing = set(numbers or ()) - {int(path.name[:2]) for path in found}
    if missing:
        raise SystemExit(f"there is no source of notebook {', '.join(map(str, sorted(missing)))}")
    return [path for path in found if not numbers or int(path.name[:2]) in numbers]


def read_source(path: Path) -> list[tuple[str, str]]:
    """Return (kind, text) of every cell of a source."""
    import jupytext

    return cells(jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent"))


def cells(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (kind, text) of every cell of a notebook."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def head(first_cell: str) -> Head:
    """Read the head of a notebook off its first cell; a ValueError says what is missing."""
    title = re.match(r"# ([1-9]\d?)\. (.+)", first_cell)
    if not title:
        raise ValueError("the first line is not `# 5. Title`, without a leading zero")
    found = HEADER.search(first_cell)
    if not found:
        raise ValueError(
            "there is no line `*Reading time about 20 minutes · runs in about 10 seconds · "
            "assumes notebooks 1 and 3*`"
        )
    missing = [name for name in OPENING if name not in first_cell]
    if missing:
        raise ValueError(f"the first cell lacks {', '.join(missing)}")
    learn = first_cell.split(OPENING[1])[1].split(OPENING[2])[0]
    items = (
        " ".join(item.split()).strip(".:– ") for item in re.split(r"^[-*] ", learn, flags=re.M)
    )
    # in the table a point of a list is a clause: it begins small, unless it begins with a name
    items = (item[:1].lower() + item[1:] if item[1:2].islower() else item for item in items)
    text = "; ".join(item for item in items if item)
    return Head(int(title[1]), title[2].strip(), **found.groupdict(), learn=text)


def cell_id(kind: str, text: str, taken: set[str]) -> str:
    """Return an id that is the same in every build: a digest of what stands in the cell."""
    digest = hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest()[:8]
    name, again = digest, 1
    while name in taken:
        again += 1
        name = f"{digest}-{again}"
    taken.add(name)
    return name


def tidy(notebook: Any) -> None:
    """Take out of an executed notebook what changes from run to run."""
    notebook.metadata = METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    taken: set[str] = set()
    for cell in notebook.cells:
        cell["id"] = cell_id(cell.cell_type, cell.source, taken)
        cell.metadata = {key: cell.metadata[key] for key in ("tags",) if key in cell.metadata}
        for output in cell.get("outputs", ()):
            png = output.get("data", {}).get("image/png")
            if png:
                output["data"]["image/png"] = smaller(png)


def smaller(png: str) -> str:
    """Return a PNG without its remarks, in 256 colours where nobody can tell: a third as large."""
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    if getattr(picture, "is_animated", False):
        return png
    info, solid = picture.info, picture.convert("RGB")
    if picture.mode == "RGB" or picture.getextrema()[-1] == (255, 255):
        few = solid.quantize(256, dither=Image.Dither.NONE)
        off = np.abs(np.asarray(few.convert("RGB"), int) - np.asarray(solid)).max(axis=2)
        picture = few if (off > 24).mean() < 5e-4 and off.mean() < 0.5 else solid
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True, dpi=info.get("dpi", (72, 72)))
    return base64.b64encode(buffer.getvalue()).decode()


def execute(path: Path) -> tuple[Any, float]:
    """Run a source on a fresh kernel; return the notebook with its outputs, and the seconds."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        extra_arguments=["--log-level=ERROR"],
        record_timing=False,
        coalesce_streams=True,
    )
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    tidy(notebook)
    return notebook, seconds


def kinds(notebook: dict[str, Any]) -> list[list[str]]:
    """Return what kinds of output each cell has: streams by name, data by type."""
    return [
        [
            output.get("name") or "+".join(sorted(output.get("data", {}))) or output["output_type"]
            for output in cell.get("outputs", ())
        ]
        for cell in notebook["cells"]
    ]


def faults(path: Path) -> Iterator[str]:
    """Yield what is wrong with the committed notebook of a source; nothing is executed."""
    target = path.with_suffix(".ipynb")
    if not target.exists():
        yield f"{target.name} is missing: run `python tutorials/build.py {path.name[:2]}`"
        return
    notebook = json.loads(target.read_text(encoding="utf-8"))
    if cells(notebook) != read_source(path):
        yield (
            f"the cells of {target.name} are not those of {path.name}: "
            f"run `python tutorials/build.py {path.name[:2]}`"
        )
    first = cells(notebook)[0][1]
    try:
        if head(first).number != int(path.name[:2]):
            yield "the number in the title is not that of the file"
    except ValueError as error:
        yield str(error)
    prose = "\n" + "\n".join(text for kind, text in cells(notebook) if kind == "markdown")
    for section in SECTIONS:
        if f"\n{section}" not in prose:
            yield f"there is no section `{section}`"
    for tex in re.findall(r"\$\$(.+?)\$\$", prose, re.DOTALL):
        before = tex.partition(r"\tag{")[0]
        if before != tex and before.count(r"\begin{") != before.count(r"\end{"):
            yield f"\\tag stands inside an environment; put it behind \\end: {tex.strip()[:80]}"
    if not any(cell.get("outputs") for cell in notebook["cells"]):
        yield "it has no outputs"
    for number, cell in enumerate(notebook["cells"], 1):
        for output in cell.get("outputs", ()):
            text = "".join(output.get("text", "")) + "".join(
                "".join(value)
                for kind, value in output.get("data", {}).items()
                if kind.startswith("text/")
            )
            if output["output_type"] == "error":
                yield f"cell {number} ends in an error: {output['ename']}: {output['evalue']}"
            if output.get("name") == "stderr":
                yield f"cell {number} has a warning: {text[:200]}"
            if found := re.search(r"\b0x[0-9a-f]{6,}|(?<![\w.])/(?:home|tmp|work|root)/\S*", text):
                yield f"cell {number} shows what is of one machine only: {found[0]}"
    size = target.stat().st_size
    if size > LIMIT_BYTES:
        yield f"the file has {size:,} bytes, more than {LIMIT_BYTES:,}"


def index() -> str:
    """Return the table of README.md, made from the heads of the notebooks."""
    rows = [
        "| | notebook | what you will learn | reading | runs in | assumes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for path in sources():
        this = head(read_source(path)[0][1])
        link = f"[{this.title}]({path.with_suffix('.ipynb').name})"
        learn = this.learn.replace("|", r"\|")
        rows.append(
            f"| {this.number} | {link} | {learn} | {this.reading} min | {this.running} s | "
            f"{this.assumes} |"
        )
    return "\n".join(rows) + "\n"


def one(path: Path, check: bool, limit: float) -> tuple[float, list[str]]:
    """Build or check one notebook; return its seconds and what is wrong with it."""
    wrong = list(faults(path)) if check else []
    try:
        notebook, seconds = execute(path)
    except Exception as error:
        message = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        return 0.0, [*wrong, f"its run ended in {type(error).__name__}: {message}"]
    target = path.with_suffix(".ipynb")
    if not check:
        write_text(
            target, json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        )
        wrong = list(faults(path))
    elif target.exists():
        committed = kinds(json.loads(target.read_text(encoding="utf-8")))
        for number, (was, now) in enumerate(zip(committed, kinds(notebook), strict=False), 1):
            if was != now:
                wrong.append(f"cell {number} was committed with outputs {was}, now it has {now}")
    if seconds > limit:
        wrong.append(f"it took {seconds:.0f} s, more than {limit:.0f} s")
    return seconds, wrong


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, metavar="NN", help="default: all")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail where they differ"
    )
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (default 1)")
    parser.add_argument(
        "--slower", type=float, default=1.0, metavar="F", help="stretch the time limits F times"
    )
    options = parser.parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    paths = sources(options.numbers)
    total, bad = 0.0, 0
    with ThreadPoolExecutor(options.jobs) as pool:
        limit = LIMIT_ONE * options.slower
        runs = {pool.submit(one, path, options.check, limit): path for path in paths}
        for run in as_completed(runs):
            seconds, wrong = run.result()
            total += seconds
            bad += bool(wrong)
            size = runs[run].with_suffix(".ipynb")
            size = f"{size.stat().st_size / 1000:4.0f} kB" if size.exists() else "not built"
            print(f"{runs[run].stem:32} {seconds:5.1f} s  {size}", flush=True)
            for message in wrong:
                print(f"    WRONG: {message}", flush=True)
    print(f"{len(paths)} notebooks in {total:.0f} s; {bad} with faults")
    if total > LIMIT_ALL * options.slower:
        print(f"WRONG: all together take more than {LIMIT_ALL * options.slower:.0f} s")
        bad += 1
    text = README.read_text(encoding="utf-8")
    try:
        right = INDEX.sub(lambda _: index(), text)
    except ValueError as error:
        print(f"the index in README.md was left as it is, for a head is not complete: {error}")
        return int(bad > 0 or options.check)
    if options.check and text != right:
        print("WRONG: the index in tutorials/README.md is not that of the notebooks' heads")
        bad += 1
    elif text != right:
        write_text(README, right)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
