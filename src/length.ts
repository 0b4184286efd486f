const UNITS: Array<[number, string]> = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
];

/** A length of time as tiers are named: in its largest whole unit, such as `90s` or `2h`. */
export function showLength(ms: number): string {
  const [length, name] = UNITS.find(([unit]) => ms >= unit && ms % unit === 0) ?? [1000, 's'];
  return `${ms / length}${name}`;
}

/** About how long something is ago: whole numbers of the largest unit of which there are two. */
export function showAge(ms: number): string {
  const [length, name] = UNITS.find(([unit]) => ms >= 2 * unit) ?? [1000, 's'];
  return `${Math.max(Math.floor(ms / length), 0)}${name}`;
}
