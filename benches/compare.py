"""Puts DuckDB and Polars beside this project's cross-tabulation: the same rows, in one run, in memory.

    python3 benches/compare.py TABLES FOLDER [WORK...]

TABLES is the program `tables` of this folder (`cargo build --release -p commonground-benches`), FOLDER where rows are made.
Needs the packages duckdb, polars and numpy. Each work is done five times by each; medians are compared.
Peers get their own columns in memory, of the same width, and count in their own process what they found, so that no result is copied.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

TIMES = 5
THREADS = 2
os.environ["POLARS_MAX_THREADS"] = str(THREADS)

import duckdb  # noqa: E402
import numpy  # noqa: E402
import polars  # noqa: E402

KINDS = {"u8": numpy.uint8, "u16": numpy.uint16, "u32": numpy.uint32, "u64": numpy.uint64}


def columns(folder):
    return {path.stem: numpy.fromfile(path, dtype=KINDS[path.suffix[1:]]) for path in sorted(folder.iterdir())}


def timed(work):
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), found


def in_duckdb(rows, query, parquet):
    connection = duckdb.connect(config={"threads": THREADS})
    connection.register("source", polars.DataFrame(rows).to_arrow())
    if parquet:
        connection.execute(f"COPY source TO '{parquet}' (FORMAT parquet)")
        connection.execute(f"CREATE VIEW t AS SELECT * FROM read_parquet('{parquet}')")
    else:
        connection.execute("CREATE TABLE t AS SELECT * FROM source")
    connection.unregister("source")
    median, found = timed(lambda: connection.execute(query).fetchone())
    connection.close()
    return median, [int(number) for number in found]


def in_polars(rows, query, parquet):
    frame = polars.scan_parquet(parquet) if parquet else polars.DataFrame(rows).lazy()
    median, found = timed(lambda: query(frame).collect(engine="streaming").row(0))
    return median, [int(number) for number in found]


def by(*names):
    def counted(frame):
        n = polars.col("n")
        counts = frame.group_by("area", *names).agg(n=polars.len().cast(polars.Int64))
        return counts.select(polars.len(), (n < 5).sum().alias("small"), (n * n).sum().alias("squares"))

    return counted


def distinct(frame):
    counts = frame.group_by("area", "month").agg(n=polars.col("who").n_unique().cast(polars.Int64))
    return counts.select(polars.len(), (polars.col("n") ** 2).sum().alias("squares"))


PEOPLE = """SELECT count(*), count(*) FILTER (n < 5), sum(n * n)
            FROM (SELECT area, sex, age, ethnicity, count(*) AS n FROM t GROUP BY ALL)"""
EVENTS = PEOPLE.replace("sex, age, ethnicity", "age, sex_ethnicity")
TWO = PEOPLE.replace("sex, age, ethnicity", "sex, age")
DISTINCT = """SELECT count(*), sum(n * n) FROM (SELECT area, month, count(DISTINCT who) AS n FROM t GROUP BY ALL)"""
WORKS = {
    "sorted": ("sorted", PEOPLE, by("sex", "age", "ethnicity"), ["cells", "small", "squares"]),
    "unsorted": ("unsorted", PEOPLE, by("sex", "age", "ethnicity"), ["cells", "small", "squares"]),
    "distinct": ("events", DISTINCT, distinct, ["cells", "squares"]),
    # Through permits, plan and operator. Ours is encrypted, and its table has all totals, and record keys where it is of people; the
    # peers read plain Parquet that DuckDB wrote, and count without totals and keys. Events have sex and ethnicity in one column: no open
    # dataset of the sample has three dimensions.
    "stored": ("sorted", EVENTS, by("age", "sex_ethnicity"), None),
    "hot": ("sorted", EVENTS, by("age", "sex_ethnicity"), None),
    "people": ("sorted", TWO, by("sex", "age"), None),
    "people-hot": ("sorted", TWO, by("sex", "age"), None),
    "contributors": ("events", DISTINCT, distinct, None),
    "contributors-hot": ("events", DISTINCT, distinct, None),
}
FROM_FILES = ["stored", "people", "contributors"]


def main(tables, folder, works):
    subprocess.run([tables, "make", folder], check=True)
    print(f"duckdb {duckdb.__version__}, polars {polars.__version__}, {THREADS} threads, medians of {TIMES}")
    print("| work | here | DuckDB | Polars | here / DuckDB | rows | memory beside the rows |")
    print("|---|---|---|---|---|---|---|")
    for work in works or WORKS:
        source, query, plan, names = WORKS[work]
        out = subprocess.run([tables, work, folder], check=True, capture_output=True, text=True).stdout
        ours = json.loads(out)
        rows = columns(Path(folder) / source)
        if query == EVENTS:
            rows["sex_ethnicity"] = rows.pop("sex") * 5 + rows.pop("ethnicity")
        parquet = Path(folder) / "plain.parquet" if work in FROM_FILES else None
        duck, found = in_duckdb(rows, query, parquet)
        # What a table through the gate holds is nobody's to see: the tests compare it, not this.
        expect = [ours["found"][name] for name in names] if names else found
        assert found == expect, (work, "duckdb", found, expect)
        polar, found = in_polars(rows, plan, parquet)
        assert found == expect, (work, "polars", found, expect)
        here = ours["median"]
        beside = (ours["peak_bytes"] - ours["rows_bytes"]) >> 20
        print(
            f"| {work} | {here:.3f} s | {duck:.2f} s | {polar:.2f} s | 1/{duck / here:.1f} "
            f"| {ours['rows_bytes'] >> 20} MiB | {beside} MiB |",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
