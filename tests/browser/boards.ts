import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Rollup } from './grafana';

export interface BoardPanel {
  id: number;
  type: string;
  title: string;
  fieldConfig: { defaults: { noValue?: string; links?: Array<{ title: string }>; custom?: { drawStyle?: string } } };
  targets: Array<{ rollup: string; stat?: string }>;
}

/** A dashboard that comes with the plugin, as far as tests look at it. */
export interface Board {
  uid: string;
  title: string;
  panels: BoardPanel[];
  templating: { list: Variable[] };
}

export interface Variable {
  name: string;
  label: string;
  query: unknown;
  regex?: string;
}

/** One that lists the values of a dimension. */
export interface ValuesVariable extends Variable {
  query: { kind: 'values'; dimension: string };
}

export function listsValues(variable: Variable): variable is ValuesVariable {
  return (variable.query as { kind?: string }).kind === 'values';
}

const folder = join(__dirname, '../../dashboards');

export const boards = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Board);

/** The rollups that a dashboard reads and the data source lacks. */
export function lacking(board: Board, rollups: Rollup[]): string[] {
  const names = new Set(board.panels.flatMap(({ targets }) => targets.map(({ rollup }) => rollup)));
  return [...names].filter((wanted) => !find(board, wanted, rollups));
}

/** What some rollups keep only. */
const OPTIONAL: Partial<Record<string, 'percentiles' | 'distinct'>> = {
  percentile: 'percentiles',
  distinct: 'distinct',
};

/** Whether the rollup keeps what a panel shows. */
export function isKept(board: Board, { targets }: BoardPanel, rollups: Rollup[]): boolean {
  return targets.every(({ rollup, stat = '' }) => {
    const needed = OPTIONAL[stat];
    return !needed || Boolean(find(board, rollup, rollups)?.[needed]?.length);
  });
}

/** The rollup of a name, or the one that a variable begins with. */
function find({ templating }: Board, wanted: string, rollups: Rollup[]): Rollup | undefined {
  const variable = templating.list.find(({ name }) => `$${name}` === wanted);
  const pattern = new RegExp(variable?.regex?.slice(1, -1) ?? `^${wanted}$`);
  return rollups.find(({ name }) => pattern.test(name));
}
