/** The map: projection, walking by arrow keys, labels that do not collide. Pure functions over GeoJSON. */
import { geoPath, geoTransverseMercator } from 'd3-geo';
import type { Boundaries, Boundary } from './types';

export interface Shape {
  code: string;
  name: string;
  path: string;
  x: number;
  y: number;
}

export interface Label {
  name: string;
  x: number;
  y: number;
  lines: string[];
}

export type Direction = 'up' | 'down' | 'left' | 'right';

/** d3 takes rings clockwise as seen on the sphere; GeoJSON (RFC 7946) winds them the other way. */
export function rewound(feature: Boundary): Boundary {
  const geometry = feature.geometry;
  if (!geometry) return feature;
  const polygon = (rings: GeoJSON.Position[][]) =>
    rings.map((ring, index) => (clockwise(ring) === (index === 0) ? ring : [...ring].reverse()));
  return {
    ...feature,
    geometry:
      geometry.type === 'Polygon'
        ? { type: 'Polygon', coordinates: polygon(geometry.coordinates) }
        : { type: 'MultiPolygon', coordinates: geometry.coordinates.map(polygon) }
  };
}

function clockwise(ring: GeoJSON.Position[]): boolean {
  let area = 0;
  ring.forEach(([x = 0, y = 0], index) => {
    const [nextX = 0, nextY = 0] = ring[(index + 1) % ring.length] ?? [];
    area += x * nextY - nextX * y;
  });
  return area < 0;
}

/** A drawing function for a box: north up, the true proportions of the place, the extent of `frame` filling the box. */
export function drawer(frame: Boundaries, width: number, height: number, margin = 12) {
  const collection = { type: 'FeatureCollection' as const, features: frame.features.map(rewound) };
  const longitudes = frame.features.flatMap((feature) => longitudesOf(feature));
  const centre = longitudes.length ? (Math.min(...longitudes) + Math.max(...longitudes)) / 2 : 0;
  const box: [[number, number], [number, number]] = [
    [margin, margin],
    [Math.max(margin + 1, width - margin), Math.max(margin + 1, height - margin)]
  ];
  // The meridian through the middle of the place is upright and scale is true along it.
  const projection = geoTransverseMercator().rotate([-centre, 0]).fitExtent(box, collection);
  const path = geoPath(projection).digits(1);
  return (boundaries: Boundaries): Shape[] =>
    boundaries.features.map((feature) => {
      const drawn = rewound(feature);
      const [x, y] = path.centroid(drawn);
      return {
        code: feature.properties.code,
        name: feature.properties.name,
        path: path(drawn) ?? '',
        x: Number.isFinite(x) ? x : width / 2,
        y: Number.isFinite(y) ? y : height / 2
      };
    });
}

function longitudesOf(feature: Boundary): number[] {
  const geometry = feature.geometry;
  if (!geometry) return [];
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
  return polygons.flatMap((rings) => (rings[0] ?? []).map(([longitude = 0]) => longitude));
}

const VECTORS: Record<Direction, [number, number]> = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] };

/** The nearest area that way: distance counts, and so does how far off the direction it lies. */
export function neighbour(shapes: Shape[], from: string, direction: Direction): string | null {
  const start = shapes.find((shape) => shape.code === from);
  if (!start) return shapes[0]?.code ?? null;
  const [dx, dy] = VECTORS[direction];
  let best: { code: string; cost: number } | null = null;
  for (const shape of shapes) {
    const along = (shape.x - start.x) * dx + (shape.y - start.y) * dy;
    const aside = Math.abs((shape.x - start.x) * dy) + Math.abs((shape.y - start.y) * dx);
    if (shape.code === from || along <= 0.01) continue;
    const cost = along + aside * 2;
    if (!best || cost < best.cost) best = { code: shape.code, cost };
  }
  return best?.code ?? null;
}

/** Labels that fit: tried in order, left out where they would lie on an earlier one or over the edge. */
export function placeLabels(
  shapes: Shape[],
  width: number,
  height: number,
  size: number,
  taken: Label[] = []
): Label[] {
  const placed: Label[] = [];
  const boxes = taken.map((label) => boxOf(label, size * 1.4));
  for (const shape of shapes) {
    const label = { name: shape.name, x: shape.x, y: shape.y, lines: wrap(shape.name, 16) };
    const box = boxOf(label, size);
    const inside = box.left >= 2 && box.top >= 2 && box.right <= width - 2 && box.bottom <= height - 2;
    const free = boxes.every(
      (b) => b.right < box.left || b.left > box.right || b.bottom < box.top || b.top > box.bottom
    );
    if (inside && free) {
      boxes.push(box);
      placed.push(label);
    }
  }
  return placed;
}

function boxOf(label: Label, size: number) {
  const half = (Math.max(...label.lines.map((line) => line.length)) * size * 0.5) / 2 + 3;
  const tall = (label.lines.length * size * 1.15) / 2 + 2;
  return { left: label.x - half, right: label.x + half, top: label.y - tall, bottom: label.y + tall };
}

/** Breaks a name into lines of about `length` characters, at spaces. */
export function wrap(name: string, length: number): string[] {
  const lines: string[] = [];
  for (const word of name.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== undefined && `${last} ${word}`.length <= length) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
