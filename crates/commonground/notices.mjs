// Writes THIRD-PARTY.txt: what is linked into the program by others, and under which licences. `make notices` calls it.
//
// A crate that offers several licences is taken under the first of PREFERRED. Apache-2.0 has its text once; every other licence
// has the text of the crate itself, with its copyright lines. What crates carry from elsewhere (C sources, grids) has its own.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const PREFERRED = ['Apache-2.0', 'MIT', 'ISC', 'Zlib', 'BSD-3-Clause', 'BSD-2-Clause', 'Unicode-3.0', 'BlueOak-1.0.0'];
/** Crates that ship no text, and the crate of the same authors and licence whose text is theirs. */
const TEXT_OF = { 'alloc-stdlib': 'alloc-no-stdlib', i_key_sort: 'i_shape' };
const LICENCE_FILE = /(^|[_.-])(licen[cs]e|unlicense|copying|copyright|notice)([_.-]|$)/i;
const DEPTH = 4;

/** The crates that the program links: normal dependencies, without what only runs inside the compiler. */
function linked() {
  const target = /host: (\S+)/.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))[1];
  const options = ['--locked', '--offline', '--format-version', '1', '--filter-platform', target];
  const metadata = JSON.parse(execFileSync('cargo', ['metadata', ...options], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 }));
  const packages = new Map(metadata.packages.map((each) => [each.id, each]));
  const nodes = new Map(metadata.resolve.nodes.map((each) => [each.id, each]));
  const macro = (each) => each.targets.some((target) => target.kind.includes('proc-macro'));
  const found = new Set();
  const rest = metadata.packages.filter((each) => each.name === 'commonground').map((each) => each.id);
  while (rest.length > 0) {
    const id = rest.pop();
    if (found.has(id) || macro(packages.get(id))) continue;
    found.add(id);
    const normal = nodes.get(id).deps.filter((dep) => dep.dep_kinds.some(({ kind }) => kind === null));
    rest.push(...normal.map((dep) => dep.pkg));
  }
  const crates = [...found].map((id) => packages.get(id)).filter((each) => each.source !== null);
  return crates.sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
}

/** The licences that a crate is taken under: of alternatives the preferred one, of several that hold together all. */
function elected({ name, license }) {
  const tokens = (license ?? '').replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  const rank = (list) => Math.max(...list.map((each) => PREFERRED.indexOf(each)));
  const either = () => {
    const options = [both()];
    while (tokens[0] === 'OR') options.push((tokens.shift(), both()));
    const known = options.filter((list) => list.every((each) => PREFERRED.includes(each)));
    if (known.length === 0) throw new Error(`${name} has licence ${license}, which may not be shipped`);
    return known.sort((a, b) => rank(a) - rank(b))[0];
  };
  const both = () => {
    const parts = single();
    while (tokens[0] === 'AND') parts.push(...(tokens.shift(), single()));
    return parts;
  };
  const single = () => {
    const token = tokens.shift();
    if (token === '(') {
      const inner = either();
      tokens.shift();
      return inner;
    }
    if (tokens[0] !== 'WITH') return [token];
    tokens.shift();
    return [`${token} WITH ${tokens.shift()}`];
  };
  return [...new Set(either())];
}

/** Files with licences below a folder. */
function licenceFiles(folder, depth = DEPTH) {
  const entries = readdirSync(folder, { withFileTypes: true });
  const files = entries.filter((each) => each.isFile() && LICENCE_FILE.test(each.name) && !/\.(rs|c|h|py|sh)$/.test(each.name));
  const folders = depth > 1 ? entries.filter((each) => each.isDirectory() && !/^(tests?|benches|examples|src)$/.test(each.name)) : [];
  return [
    ...files.map((each) => join(folder, each.name)),
    ...folders.flatMap((each) => licenceFiles(join(folder, each.name), depth - 1))
  ].sort();
}

/** The texts that go with a crate under these licences, apart from Apache-2.0's own. */
function texts(crate, licences, crates) {
  const home = dirname(crate.manifest_path);
  const files = licenceFiles(home);
  const base = (file) => relative(home, file).toUpperCase();
  const carried = files.filter((file) => base(file).includes('/') || base(file).startsWith('OSTN15'));
  const own = files.filter((file) => !carried.includes(file));
  const notices = own.filter((file) => base(file).startsWith('NOTICE'));
  const others = licences.filter((each) => each !== 'Apache-2.0');
  if (others.length === 0) return [...notices, ...carried];
  const licence = own.filter((file) => !notices.includes(file) && !/APACHE|UNLICENSE|COPYRIGHT/.test(base(file)));
  const named = licence.filter((file) => others.some((each) => base(file).includes(each.split('-')[0].toUpperCase())));
  const chosen = licences.length > 1 || named.length === 0 ? licence : named;
  if (chosen.length > 0) return [...chosen, ...notices, ...carried];
  const other = crates.find((each) => each.name === TEXT_OF[crate.name]);
  if (!other) throw new Error(`${crate.name} has no licence text to ship`);
  return [...texts(other, licences, crates), ...notices, ...carried];
}

const crates = linked();
const lines = [];
const byText = new Map();
for (const crate of crates) {
  const licences = elected(crate);
  const title = `${crate.name} ${crate.version}`;
  lines.push(`${title} (${licences.join(' and ')})`);
  for (const file of texts(crate, licences, crates)) {
    const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n').replace(/[ \t]+$/gm, '').trim();
    if (!byText.has(text)) byText.set(text, new Set());
    byText.get(text).add(title);
  }
}
const rule = `\n${'-'.repeat(80)}\n\n`;
const sections = [
  `What others made of this program, with their licences. Written by \`make notices\`.

It contains the OSTN15 transformation by way of the crate ostn15_phf: (c) Crown copyright, Ordnance Survey and the
Ministry of Defence (MOD) 2016. All rights reserved. The licence is below.

It contains SQLite, which is in the public domain, and the Rust standard library, (c) The Rust Project Developers,
taken under Apache-2.0.

Crates, each with the licence that it is taken under:

${lines.map((line) => `  ${line}`).join('\n')}
`,
  ...[...byText].map(([text, titles]) => `Of ${[...titles].sort().join(', ')}:\n\n${text}\n`).sort(),
  `Apache-2.0, of every crate above that is taken under it:\n\n${readFileSync(join(root, 'LICENSE'), 'utf8').trim()}\n`
];
writeFileSync(join(here, 'THIRD-PARTY.txt'), sections.join(rule));
console.log(`${crates.length} crates, ${byText.size} texts`);
