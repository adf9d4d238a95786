import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { notices } from './build/notices.ts';

const server = process.env['COMMONGROUND_SERVER'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), notices()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    // Files as data: addresses would need a wider content-security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022'
  },
  server: { proxy: { '/v1': server, '/openapi.json': server } },
  test: {
    projects: [
      { plugins: [svelte()], test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node' } },
      {
        test: {
          name: 'browser',
          include: ['tests/**/*.test.ts'],
          environment: 'node',
          globalSetup: 'tests/service.ts',
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 90_000
        }
      }
    ]
  }
});
