/** Starts the real server on the sample partnership, in a folder of its own, before the browser tests. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    address: string;
    dashboardKey: string;
  }
}

const ROOT = resolve(import.meta.dirname, '../../../..');
const LOADING_MS = 300_000;

export default async function setup(project: TestProject): Promise<() => void> {
  if (!existsSync(resolve(import.meta.dirname, '../../dist/index.html'))) {
    throw new Error('the web application is not built: run `npm run build` first');
  }
  const program = binary();
  const folder = mkdtempSync(join(tmpdir(), 'commonground-browser-'));
  const data = join(folder, 'data');
  try {
    const printed = execFileSync(program, ['demo', '--load-only', '--data', data], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: LOADING_MS,
      stdio: ['ignore', 'pipe', 'inherit']
    });
    const key = /dashboard\s+\S+\s+(cg_\S+)/.exec(printed)?.[1];
    if (!key) throw new Error('`commonground demo --load-only` printed no key for the dashboard');
    const { server, address } = await serve(program, data);
    project.provide('address', address);
    project.provide('dashboardKey', key);
    return () => {
      server.kill('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function binary(): string {
  const given = process.env['BROWSER_TEST_BINARY'];
  if (given) return resolve(given);
  const metadata = execFileSync('cargo', ['metadata', '--no-deps', '--format-version', '1'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024
  });
  const { target_directory } = JSON.parse(metadata) as { target_directory: string };
  const program = join(target_directory, 'debug', 'commonground');
  if (!existsSync(program)) {
    throw new Error(`no \`${program}\`: run \`cargo build -p commonground\`, or set BROWSER_TEST_BINARY`);
  }
  return program;
}

function serve(program: string, data: string): Promise<{ server: ChildProcess; address: string }> {
  // Port 0: the system gives a free one, and the server says which.
  const server = spawn(program, ['demo', '--data', data, '--listen', '127.0.0.1:0'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, COMMONGROUND_LOG: 'warn' }
  });
  return new Promise((done, fail) => {
    let printed = '';
    const late = setTimeout(() => {
      server.kill('SIGKILL');
      fail(new Error(`the server did not say where it listens; it printed: ${printed}`));
    }, LOADING_MS);
    server.once('error', fail);
    server.once('exit', (code) => fail(new Error(`the server ended with ${code}; it printed: ${printed}`)));
    server.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const address = /serving\s+(http:\/\/\S+)/.exec(printed)?.[1];
      if (address) {
        clearTimeout(late);
        done({ server, address });
      }
    });
  });
}
