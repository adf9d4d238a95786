#!/usr/bin/env bash
# Tries real public files that are not part of the project: run.sh FOLDER BINARY
# Imports the 2011 and 2021 boundaries and lookups, then takes one real month of street crime in by the sample feed's contract.
set -euo pipefail
real=$(cd "$1" && pwd)
binary=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"

places=(--data "$work/data" --key-file "$work/key" --agreements sharing-agreements
    --contracts sample-data/contracts --indicators sample-data/indicators)

for file in boundaries/lsoa21_E07000118.geojson boundaries/lsoa11_E07000118.geojson lookups/lookup_lsoa11_lsoa21_ltla22.csv \
    police/2018-12-lancashire-street.csv; do
    test -f "$real/$file" || { echo "missing $real/$file" >&2; exit 2; }
done

"$binary" init "${places[@]}"
"$binary" geography import tests/real/geography.toml --folder "$real" "${places[@]}"

report=$("$binary" ingest lancashire-constabulary.street-crime "$real/police/2018-12-lancashire-street.csv" \
    --period 2018-12-01/P1M --json --no-publish "${places[@]}")
printf '%s\n' "$report" | node -e '
const receipt = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const counts = receipt.findings.counts;
for (const [name, value] of Object.entries(counts)) console.log(name.padEnd(18), value);
const parts = counts.kept + counts.refused + counts.outside + counts.without_location + counts.duplicates + counts.skipped + counts.opted_out;
if (counts.rows_read !== 15379) throw new Error(`read ${counts.rows_read} rows, the file has 15379`);
if (parts !== counts.rows_read) throw new Error(`the counts add up to ${parts}, not ${counts.rows_read}`);
if (counts.kept === 0 || counts.outside === 0) throw new Error("kept and outside must both be more than nothing");
'
echo "real files: passed"
