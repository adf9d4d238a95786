/** Numbers as people read them, in British English. */

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

/** A value with the indicator's decimals; from 1,000 on without any. */
export function formatValue(value: number, decimals: number): string {
  if (Math.abs(value) >= 1000) return whole.format(value);
  return value.toLocaleString('en-GB', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export const formatCount = (count: number): string => whole.format(count);

/** `71.2 to 99.0`; empty if either end is missing. */
export function formatInterval(lower: number | null, upper: number | null, decimals: number): string {
  if (lower === null || upper === null) return '';
  return `${formatValue(lower, decimals)} to ${formatValue(upper, decimals)}`;
}

/** A value with its unit: `84.3 per 1,000 people`, `12.1%`. */
export function withUnit(value: string, unit: string): string {
  return unit === '%' ? `${value}%` : `${value} ${unit}`;
}

/** `1st`, `2nd`, `3rd`, `11th`, `21st`. */
export function ordinal(n: number): string {
  const teens = n % 100 >= 11 && n % 100 <= 13;
  const suffix = teens ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${whole.format(n)}${suffix}`;
}
