"""Files of any size: time, memory, interruptions and clusters, in one run on one machine.

    python -m benchmarks.bulk [--model models/king_county] [--rows 1000000] [--turns 3] [--engines] [--write]

King County. LightGBM is the plainest script with pandas, `benchmarks/file_peer.py`; it and `house-price predict`
take turns, and a ratio is the median of the turns' ratios. Needs the dependency groups `peers` and the optional
group `dask`, with `--engines` also the group `engines`. `--write` writes `benchmarks/BULK.md`.
"""

# ruff: noqa: E402 - the environment comes first

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before any library starts its threads

import argparse
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.file_peer import N_TREES
from benchmarks.speed import SALES, write_homes
from benchmarks.timing import Used, timed, used_by
from estimator.bulk.journal import JOURNAL_SUFFIX

PAGE = Path(__file__).with_name("BULK.md")
ROOT = Path(__file__).parents[1]
N_KILLS = 5
N_PARTS = 24
"""Files of the data set for the cluster."""
ENGINE_ROWS = 200_000
WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 24),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 24),
    "OPENBLAS_NUM_THREADS": "1",
}
"""As docs/clusters.md tells users to start workers."""
CORES = sorted(os.sched_getaffinity(0))[:2]
LIGHTGBM = f"LightGBM, {N_TREES} trees, in pandas"


class Line(NamedTuple):
    """One line of the table."""

    name: str
    ours: str
    peer: str = "–"
    ratio: str = "–"


class Files(NamedTuple):
    """What is valued and by what: homes.csv and homes.parquet in a folder, a saved version, and trees."""

    folder: Path
    model: Path
    trees: Path

    def predict(self, source: str, target: str, *options: str) -> list[str]:
        """Return the command that values a file of the folder."""
        files = [str(self.folder / source), str(self.folder / target)]
        return [sys.executable, "-m", "estimator", "predict", "--model", str(self.model), *options, *files]

    def script(self, source: str, target: str) -> list[str]:
        """Return the peer's command."""
        files = [str(self.folder / source), str(self.folder / target)]
        return [sys.executable, "-m", "benchmarks.file_peer", "value", str(self.trees), *files]


def file_lines(files: Files, rows: int, turns: int) -> Iterator[Line]:
    """Compare whole files on both cores, and the second core with the first."""
    both: dict[str, list[Used]] = {}
    for ending in ("csv", "parquet"):
        source, target = f"homes.{ending}", f"valued.{ending}"
        ours, peers, alone = [], [], []
        for _ in range(turns):
            ours.append(used_by(files.predict(source, target), CORES))
            peers.append(used_by(files.script(source, f"peer.{ending}"), CORES))
            alone.append(used_by(files.predict(source, target), CORES[:1]))
        both[ending] = ours
        name = f"{rows:,} homes, {ending.upper() if ending == 'csv' else 'Parquet'}, both cores"
        for field, unit in (("seconds", "s"), ("cpu", "CPU s"), ("peak", "MB")):
            yield _compared(name, [getattr(u, field) for u in ours], [getattr(u, field) for u in peers], unit)
        speed_up = np.median([one.seconds / two.seconds for one, two in zip(alone, ours, strict=True)])
        busy = np.median([run.cpu / run.seconds for run in ours])
        yield Line(f"{name}: the second core speeds up by", f"{speed_up:.2f} × ({busy:.2f} cores were busy)")
    faster = np.median([csv.seconds / parquet.seconds for csv, parquet in zip(*both.values(), strict=True)])
    yield Line("Parquet is faster than CSV by", f"{faster:.2f} ×")


def _compared(name: str, ours: Sequence[float], peers: Sequence[float], unit: str) -> Line:
    ratio = np.median(np.divide(ours, peers))
    return Line(name, f"{np.median(ours):,.1f} {unit}", f"{np.median(peers):,.1f} {unit}", f"{ratio:.2f}")


def growth_lines(files: Files, rows: int) -> Iterator[Line]:
    """Compare the memory for four times the rows."""
    table = pq.read_table(files.folder / "homes.parquet")
    with pq.ParquetWriter(files.folder / "four.parquet", table.schema) as writer:
        for _ in range(4):
            writer.write_table(table)
    content = (files.folder / "homes.csv").read_bytes()
    with (files.folder / "four.csv").open("wb") as file:
        file.write(content)
        for _ in range(3):
            file.write(content[content.index(b"\n") + 1 :])
    del table, content
    for ending, name in (("csv", "CSV"), ("parquet", "Parquet")):
        sources = (f"homes.{ending}", f"four.{ending}")
        small, large = (used_by(files.predict(source, f"grown.{ending}"), CORES) for source in sources)
        peaks = f"{large.peak:,.0f} and {small.peak:,.0f} MB ({large.peak / small.peak - 1:+.1%})"
        yield Line(f"memory at {4 * rows:,} homes and at {rows:,}, {name}", peaks)


def kill_line(files: Files) -> Line:
    """Kill a run five times, let it end, and compare its answer with that of an uninterrupted one."""
    source, target = "homes.csv", files.folder / "killed.csv"
    journal, size, step = target.with_name(f".{target.name}{JOURNAL_SUFFIX}"), 0, 0
    for _ in range(N_KILLS):
        process = subprocess.Popen(files.predict(source, target.name), stdout=subprocess.DEVNULL)
        while process.poll() is None and (not journal.exists() or journal.stat().st_size <= size + step):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        size = journal.stat().st_size
        step = step or size
    last = used_by(files.predict(source, target.name), CORES)
    same = target.read_bytes() == (files.folder / "valued.csv").read_bytes()
    answer = f"{'the same' if same else 'OTHER'} bytes; the last run took {last.seconds:.1f} s"
    return Line(f"kill -9 {N_KILLS} times, then to the end", answer)


def cluster_lines(files: Files, turns: int) -> Iterator[Line]:
    """Value a data set with two worker processes and with one, and compare with a run without a cluster."""
    homes = pd.read_parquet(files.folder / "homes.parquet")
    (files.folder / "parts").mkdir()
    for number in range(N_PARTS):
        homes.iloc[number::N_PARTS].to_parquet(files.folder / "parts" / f"{number:02}.parquet")
    subprocess.run(files.predict("parts", "local"), check=True, stdout=subprocess.DEVNULL)
    both = [_cluster_seconds(files, 2, turn) / _cluster_seconds(files, 1, turn) for turn in range(turns)]
    same = all(
        _have_same_bytes(files.folder / "local", folder)
        for folder in files.folder.glob("dask-*")
        if folder.is_dir()
    )
    bytes_ = "the bytes of the run without a cluster" if same else "OTHER bytes than without a cluster"
    yield Line("Dask with two worker processes and with one", bytes_)
    yield Line("time of two workers ÷ time of one", f"{np.median(both):.2f}")


def _cluster_seconds(files: Files, workers: int, turn: int) -> float:
    """Return how long a cluster of some processes takes for the data set, each having loaded the model before."""
    import dask  # noqa: PLC0415
    import distributed  # noqa: PLC0415

    settings = dask.config.set({"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT})
    with (
        settings,
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            env={"PYTHONPATH": str(ROOT)},
        ) as cluster,
    ):
        seconds = 0.0
        for run in ("warm", "timed"):
            target = f"dask-{run}-{workers}-{turn}"
            command = files.predict("parts", target, "--cluster", cluster.scheduler_address)
            seconds = timed(partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL))
    return seconds


def _have_same_bytes(expected: Path, found: Path) -> bool:
    return all(path.read_bytes() == (found / path.name).read_bytes() for path in expected.iterdir())


def engine_lines(files: Files) -> Iterator[Line]:
    """Value a data set by the examples for Spark and Ray, and compare with the file's answers."""
    homes = pd.read_parquet(files.folder / "homes.parquet").head(ENGINE_ROWS)
    homes["row"] = range(len(homes))
    folder = files.folder / "engine-homes"
    folder.mkdir()
    for number in range(4):
        homes.iloc[number::4].to_parquet(folder / f"{number}.parquet")
    homes.to_parquet(files.folder / "engine.parquet")
    subprocess.run(files.predict("engine.parquet", "engine-valued.parquet"), check=True, stdout=subprocess.DEVNULL)
    expected = pd.read_parquet(files.folder / "engine-valued.parquet")
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable}
    for name in ("spark", "ray"):
        target = files.folder / name
        example = ROOT / "deploy" / "examples" / f"bulk_{name}.py"
        command = [sys.executable, str(example), str(files.model.resolve()), str(folder), str(target)]
        seconds = timed(partial(subprocess.run, command, check=True, env=variables, capture_output=True))
        found = pd.concat([pd.read_parquet(path) for path in sorted(target.rglob("*.parquet"))])
        found = found.sort_values("row", ignore_index=True)[expected.columns]
        same = "the same values" if found.astype(str).equals(expected.astype(str)) else "OTHER values"
        yield Line(f"{name.title()}, {len(homes):,} homes", f"{seconds:.0f} s with its start; {same}")


def page(lines: Sequence[Line], turns: int) -> str:
    """Return the table as Markdown."""
    return "\n".join(
        [
            "# Files of any size",
            "",
            f"`make bench-bulk` (`python -m benchmarks.bulk`): {platform.machine()}, {len(CORES)} cores.",
            f"King County. We and LightGBM took turns, {turns} each, in one run. The machine may have had other",
            "load: compare ratios, not times. Where far fewer than two cores were busy, the machine was not free,",
            "and the lines about a second core and a second worker say nothing. Memory is that of all processes.",
            "What limits the second core, and Parquet beside CSV: docs/clusters.md.",
            "",
            f"| | `house-price predict` | {LIGHTGBM} | ours ÷ peer |",
            "| --- | ---: | ---: | ---: |",
            *(f"| {line.name} | {line.ours} | {line.peer} | {line.ratio} |" for line in lines),
            "",
        ]
    )


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description="Measure files of any size.")
    parser.add_argument("--model", type=Path, default=Path("models/king_county"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--engines", action="store_true", help="Also Spark and Ray.")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        files = Files(Path(name), given.model, Path(name) / "trees.txt")
        fit = [sys.executable, "-m", "benchmarks.file_peer", "fit", str(SALES), str(files.trees)]
        subprocess.run(fit, check=True)
        write_homes(files.folder, given.rows)
        lines = []
        for line in _measure(files, given.rows, given.turns, engines=given.engines):
            print(*line, sep=" | ", flush=True)
            lines.append(line)
    if given.write:
        PAGE.write_text(page(lines, given.turns), encoding="utf-8")


def _measure(files: Files, rows: int, turns: int, *, engines: bool) -> Iterator[Line]:
    yield from file_lines(files, rows, turns)
    yield from growth_lines(files, rows)
    yield kill_line(files)
    yield from cluster_lines(files, turns)
    if engines:
        yield from engine_lines(files)


if __name__ == "__main__":
    main()
