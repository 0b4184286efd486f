import { store } from '@grafana/data';
import { fitToRollup } from './query';
import { missingStats } from './stat';
import { type Rollup, type TidemarkQuery } from './types';

/** Series that a new query shows one by one. */
const TOP = 10;

/** Where the browser keeps which rollup was chosen last in a data source. */
const keyOf = (uid: string) => `tidemark.rollup.${uid}`;

export function keepRollup(uid: string, name: string) {
  store.set(keyOf(uid), name);
}

/** The rollup that was chosen last in the data source, or else the first of those that have the most to show. */
export function rollupToBeginWith(uid: string, rollups: Rollup[]): Rollup | undefined {
  const last: unknown = store.get(keyOf(uid));
  const lacks = (rollup: Rollup) => missingStats(rollup).length;
  return rollups.find(({ name }) => name === last) ?? [...rollups].sort((a, b) => lacks(a) - lacks(b))[0];
}

/** Asks a rollup something that is worth looking at. An alert rule begins with one series, since every series of it would be an alert. */
export function newQuery(query: TidemarkQuery, rollup: Rollup, isAlert: boolean): TidemarkQuery {
  const fitted = fitToRollup(query, rollup);
  return isAlert || fitted.groupBy.length > 0 ? fitted : { ...fitted, ...largest(rollup) };
}

/** The largest series of the first dimension, and one of everything else; nothing where there is no dimension. */
export function largest({ dimensions: [dimension] }: Rollup): Partial<TidemarkQuery> | undefined {
  return dimension === undefined ? undefined : { groupBy: [dimension], top: TOP, other: true };
}
