import {
  dataFrameFromJSON,
  type DataFrameJSON,
  type Field,
  type FieldConfig,
  FieldType,
  type Labels,
} from '@grafana/data';

/** The most points that a series has, that all series of an answer have, and the most series: the backend's limits. */
const MAX_ROWS = 11_000;
const MAX_VALUES = 1_000_000;
const MAX_SERIES = 1_000;

/** One series of a message. Series are told apart by name and labels. */
export interface Series {
  key: string;
  name: string;
  labels?: Labels;
  config: FieldConfig;
}

/** The series of a message, shared by all rows that have the same ones. */
export interface Columns {
  series: Series[];
  /** Where in a row's values a series is, by its key. */
  index: Map<string, number>;
}

/** All values of one time. */
export interface Row {
  /** Beginning of the point, ms. */
  time: number;
  /** When it was told, ms. */
  received: number;
  columns: Columns;
  values: Array<number | null>;
}

type Identity = Pick<Field, 'name' | 'labels'>;

export function seriesKey({ name, labels = {} }: Identity): string {
  return JSON.stringify([name, Object.entries(labels).sort()]);
}

/** The rows that a channel has told, in the order of time. A row that comes again for a time replaces the one before. */
export class Rows {
  readonly all: Row[] = [];
  private columns?: Columns;
  private schema?: DataFrameJSON['schema'];

  /** Takes the rows of a message. One without a schema has that of the message before. Throws where it cannot be read. */
  push({ schema = this.schema, data }: DataFrameJSON, received: number): void {
    this.schema = schema;
    if (!data) {
      return;
    }
    const { fields } = dataFrameFromJSON({ schema, data });
    const times = fields.find(({ type }) => type === FieldType.time)?.values;
    if (!times) {
      throw new Error('it has no time');
    }
    const numbers = fields.filter(({ type }) => type === FieldType.number).slice(0, MAX_SERIES);
    const columns = this.columnsOf(numbers);
    times.forEach((time: unknown, i) => {
      if (typeof time === 'number') {
        this.put({ time, received, columns, values: numbers.map(({ values }) => finite(values[i])) });
      }
    });
    const excess = this.all.length - Math.min(MAX_ROWS, Math.floor(MAX_VALUES / Math.max(numbers.length, 1)));
    if (excess > 0) {
      this.all.splice(0, excess);
    }
  }

  private put(row: Row): void {
    const last = this.all.at(-1);
    if (!last || last.time < row.time) {
      this.all.push(row);
      return;
    }
    const at = firstFrom(this.all, row.time);
    this.all.splice(at, this.all[at]?.time === row.time ? 1 : 0, row);
  }

  private columnsOf(fields: Field[]): Columns {
    const keys = fields.map(seriesKey);
    const known = this.columns?.series;
    if (!known || known.length !== keys.length || known.some(({ key }, i) => key !== keys[i])) {
      this.columns = {
        series: fields.map(({ name, labels, config }, i) => ({ key: keys[i]!, name, labels, config })),
        index: new Map(keys.map((key, i) => [key, i])),
      };
    }
    return this.columns!;
  }
}

/** Where in the rows, which are in the order of time, those from a time (ms) on begin. */
export function firstFrom(rows: readonly Row[], time: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]!.time < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
