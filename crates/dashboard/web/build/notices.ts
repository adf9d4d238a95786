import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

/** Licences that may be shipped. A library under another one stops the build. */
const ACCEPTED = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD', 'OFL-1.1']);

/** Writes THIRD-PARTY.txt: the licence text of every package of which something is in the bundle. */
export function notices(): Plugin {
  const found = new Map<string, string>();
  const note = (file: string) => {
    const home = packageOf(file);
    if (!home || found.has(home)) return;
    const { name, version, license } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Record<
      string,
      string
    >;
    if (!license || !ACCEPTED.has(license)) throw new Error(`${name} has licence ${license}, which may not be shipped`);
    found.set(home, `${name} ${version} (${license})\n\n${licenceText(home).trim()}\n`);
  };
  return {
    name: 'third-party-notices',
    apply: 'build',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type === 'chunk') Object.keys(chunk.modules).forEach(note);
        else chunk.originalFileNames.forEach((file) => note(join(process.cwd(), file)));
      }
      const texts = [...found.values()].sort();
      const source = ['Libraries and typefaces in this web application, with their licences.\n', ...texts].join(
        `\n${'-'.repeat(80)}\n\n`
      );
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY.txt', source });
    }
  };
}

function packageOf(file: string): string | null {
  const path = file.replace(/^\0/, '').split('?')[0] ?? '';
  if (!path.includes('node_modules')) return null;
  for (let folder = dirname(path); folder.includes('node_modules'); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && 'version' in JSON.parse(readFileSync(manifest, 'utf8'))) return folder;
  }
  return null;
}

function licenceText(home: string): string {
  const name = readdirSync(home).find((file) => /^licen[cs]e/i.test(file));
  if (!name) throw new Error(`${home} has no licence text to ship`);
  return readFileSync(join(home, name), 'utf8');
}
