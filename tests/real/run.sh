#!/usr/bin/env bash
# Tries real public files that are not part of the project: run.sh FOLDER BINARY IMPORT
# Imports the 2011 and 2021 boundaries and lookups, holds what came out to facts that were counted independently, then takes
# one real month of street crime in by the sample feed's contract. IMPORT is the example `import` of `geography`.
set -euo pipefail
real=$(cd "$1" && pwd)
binary=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
import=$(cd "$(dirname "$3")" && pwd)/$(basename "$3")
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"

places=(--data "$work/data" --key-file "$work/key" --agreements sharing-agreements
    --contracts sample-data/contracts --indicators sample-data/indicators)

for file in boundaries/lsoa21_E07000118.geojson boundaries/lsoa11_E07000118.geojson lookups/lookup_lsoa11_lsoa21_ltla22.csv \
    police/2018-12-lancashire-street.csv geodesy/OSGB36_to_ETRS.csv; do
    test -f "$real/$file" || { echo "missing $real/$file" >&2; exit 2; }
done

"$import" tests/real/geography.toml "$real" tests/real/geography-facts.toml "$real/geodesy/OSGB36_to_ETRS.csv"

"$binary" init "${places[@]}"
"$binary" geography import tests/real/geography.toml --folder "$real" "${places[@]}"

report=$("$binary" ingest lancashire-constabulary.street-crime "$real/police/2018-12-lancashire-street.csv" \
    --period 2018-12-01/P1M --json --no-publish "${places[@]}")
# Counted independently of this project: rows without longitude and stated area, and points in the outlines of the 140 small
# areas by crossings of a ray, each crime once.
printf '%s\n' "$report" | node -e '
const counts = JSON.parse(require("node:fs").readFileSync(0, "utf8")).findings.counts;
for (const [name, value] of Object.entries(counts)) console.log(name.padEnd(18), value);
const expected = { rows_read: 15379, kept: 1408, outside: 12790, without_location: 1181, refused: 0, duplicates: 0, skipped: 0, opted_out: 0 };
for (const [name, value] of Object.entries(expected)) {
  if (counts[name] !== value) throw new Error(`${name}: ${counts[name]}, but ${value} were counted in the file`);
}
'
echo "real files: passed"
