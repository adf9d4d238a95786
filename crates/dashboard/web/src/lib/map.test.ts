import { expect, test } from 'vitest';
import { drawer, neighbour, placeLabels, rewound, wrap, type Direction, type Shape } from './map';
import type { Boundaries, Boundary } from './types';

function square(code: string, west: number, south: number, size = 0.01): Boundary {
  const [east, north] = [west + size, south + size];
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south]
  ];
  return {
    type: 'Feature',
    properties: { code, name: code, area_type: 'lsoa' },
    geometry: { type: 'Polygon', coordinates: [ring] }
  };
}

const grid: Boundaries = {
  type: 'FeatureCollection',
  features: [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => square(`${x}${y}`, -2.7 + x * 0.01, 53.6 + y * 0.01)))
};
const shapes = drawer(grid, 400, 400)(grid);

test('north is up, east is right, and everything lies inside the box', () => {
  const at = (code: string) => shapes.find((shape) => shape.code === code) as Shape;
  expect(at('12').y).toBeLessThan(at('10').y);
  expect(at('21').x).toBeGreaterThan(at('01').x);
  for (const shape of shapes) {
    expect(shape.x).toBeGreaterThan(0);
    expect(shape.x).toBeLessThan(400);
    expect(shape.path).toMatch(/^M/);
  }
});

test('a degree of longitude is drawn shorter than one of latitude, as it is at 53.6 degrees north', () => {
  const at = (code: string) => shapes.find((shape) => shape.code === code) as Shape;
  const ratio = (at('21').x - at('01').x) / (at('10').y - at('12').y);
  expect(ratio).toBeCloseTo(Math.cos((53.615 * Math.PI) / 180), 2);
});

test('rings wound either way are drawn the same', () => {
  const feature = square('A', -2.7, 53.6);
  const geometry = feature.geometry as GeoJSON.Polygon;
  const turned: Boundary = {
    ...feature,
    geometry: { type: 'Polygon', coordinates: geometry.coordinates.map((ring) => [...ring].reverse()) }
  };
  const area = (one: Boundary) => JSON.stringify((rewound(one).geometry as GeoJSON.Polygon).coordinates[0]?.length);
  expect(area(turned)).toBe(area(feature));
  const draw = drawer(grid, 400, 400);
  const centre = (one: Boundary) => draw({ type: 'FeatureCollection', features: [one] })[0];
  expect(centre(turned)?.x).toBeCloseTo(centre(feature)?.x ?? 0, 1);
});

test.each<[Direction, string | null]>([
  ['up', '12'],
  ['down', '10'],
  ['left', '01'],
  ['right', '21']
])('%s from the middle', (direction, expected) => {
  expect(neighbour(shapes, '11', direction)).toBe(expected);
});

test('arrow keys reach every area, and stop at the edge', () => {
  const reached = new Set(['11']);
  for (const code of reached) {
    for (const direction of ['up', 'down', 'left', 'right'] as const) {
      const next = neighbour(shapes, code, direction);
      if (next) reached.add(next);
    }
  }
  expect(reached.size).toBe(9);
  expect(neighbour(shapes, '00', 'left')).toBeNull();
  expect(neighbour(shapes, '', 'left')).toBe('00');
});

test('labels that would lie on another are left out', () => {
  const near = { ...(shapes[0] as Shape), x: 200, y: 200, name: 'Leyland' };
  const labels = placeLabels(
    [near, { ...near, name: 'Farington', y: 205 }, { ...near, name: 'Euxton', y: 260 }],
    400,
    400,
    12
  );
  expect(labels.map((label) => label.name)).toEqual(['Leyland', 'Euxton']);
  expect(placeLabels([{ ...near, x: 2 }], 400, 400, 12)).toEqual([]);
});

test.each([
  ['Leyland', ['Leyland']],
  ['Eccleston & Charnock Richard', ['Eccleston &', 'Charnock Richard']]
])('%s is broken into lines', (name, lines) => {
  expect(wrap(name, 16)).toEqual(lines);
});
