import type { Component } from 'svelte';
import { render } from 'svelte/server';
import { expect, test } from 'vitest';
import type { Dashboard } from '../lib/dashboard.svelte';
import Banner from './Banner.svelte';
import Footer from './Footer.svelte';

type Part = Component<{ dashboard: Dashboard }>;
const text = (part: Part, figures: boolean) => {
  const synthetic = { figures, indicators: figures ? 'all' : 'none', areas: false };
  return render(part, { props: { dashboard: { synthetic } as Dashboard } }).body;
};

test.each<[string, Part]>([
  ['banner', Banner],
  ['footer', Footer]
])('the %s calls figures synthetic only where they are', (_, part) => {
  expect(text(part, true)).toMatch(/synthetic/i);
  expect(text(part, false)).not.toMatch(/synthetic|invented/i);
});
