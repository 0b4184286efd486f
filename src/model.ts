import { type DataQuery } from '@grafana/schema';
import { OPERATOR_NAMES } from './filter';
import { t } from './i18n';
import { isDuration, isMovingAverage, isPercentile, isTop } from './query';
import { STATS } from './stat';
import { hasVariable } from './template';
import { type Filter, type Format, type NumberOrVariable, type TidemarkQuery } from './types';

/** What a query asks, without what Grafana and the editor keep beside it. The backend's model has the same fields. */
export type Model = Omit<TidemarkQuery, keyof DataQuery | 'kinds' | 'overlay' | 'version' | 'editorMode'>;

export type Path = Array<string | number>;

/** What is wrong at a place of a model. */
export interface Fault {
  path: Path;
  text: string;
}

type Check = (value: unknown, path: Path) => Fault[];

/** What the backend takes of each. */
const MOST_DIMENSIONS = 5;
const MOST_FILTERS = 20;
const MOST_VALUES = 1000;

const READS: Array<NonNullable<TidemarkQuery['read']>> = ['live', 'sealed', 'stream'];

const FORMATS: Format[] = ['series', 'table'];

const isText = (value: unknown): value is string => typeof value === 'string';
const orOff = (valid: (value: NumberOrVariable) => boolean) => (value: NumberOrVariable) => value === 0 || valid(value);

/** The fields of a model, in the order in which they are written, and what is allowed in each. */
const FIELDS: Record<keyof Model, Check> = {
  stat: oneOf(STATS.map(({ value }) => value)),
  percentile: number(orOff(isPercentile), () => t('model.percentile', 'a number above 0 and up to 100')),
  measure: text(),
  condition: text(),
  over: text(),
  rollup: text(),
  groupBy: list(text(), MOST_DIMENSIONS),
  filters: list(
    object<Filter>({ dimension: text(), op: oneOf(OPERATOR_NAMES), values: list(text(), MOST_VALUES) }, [
      'dimension',
      'op',
    ]),
    MOST_FILTERS
  ),
  top: number(orOff(isTop), () => t('model.top', 'a whole number above 0')),
  other: leaf(
    (value) => typeof value === 'boolean',
    () => t('model.flag', 'true or false')
  ),
  lookback: duration(),
  alias: text(),
  shift: duration(),
  movingAverage: number(orOff(isMovingAverage), () => t('model.moving-average', 'a whole number from 2 to 1,000')),
  format: oneOf(FORMATS),
  tier: text(),
  read: oneOf(READS),
  timezone: text(),
};

export const FIELD_NAMES = Object.keys(FIELDS) as Array<keyof Model>;

const check = object<Model>(FIELDS, ['rollup']);

/** What is wrong with a value that should be a model. */
export function faultsOf(value: unknown): Fault[] {
  return check(value, []);
}

/** The model of a query, without fields that are not set. */
export function toModel(query: TidemarkQuery): Record<string, unknown> {
  const fields: Array<[string, unknown]> = FIELD_NAMES.map((name) => [name, query[name]]);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

/** The query with another model; what is kept beside it stays. */
export function withModel(query: TidemarkQuery, model: Partial<Model>): TidemarkQuery {
  const beside = Object.entries(query).filter(([name]) => !(name in FIELDS));
  return { ...Object.fromEntries(beside), ...model } as TidemarkQuery;
}

function leaf(is: (value: unknown) => boolean, allowed: () => string): Check {
  return (value, path) => (is(value) ? [] : [{ path, text: mustBe(path, allowed()) }]);
}

function text(): Check {
  return leaf(isText, () => t('model.text', 'text in quotes'));
}

function oneOf(values: string[]): Check {
  return leaf(
    (value) => isText(value) && values.includes(value),
    () => t('model.one-of', 'one of {{values}}', { values: values.join(', ') })
  );
}

function number(valid: (value: NumberOrVariable) => boolean, allowed: () => string): Check {
  return leaf((value) => (typeof value === 'number' || (isText(value) && hasVariable(value))) && valid(value), allowed);
}

function duration(): Check {
  return leaf(
    (value) => isText(value) && isDuration(value),
    () => t('model.duration', 'a length such as 90m, 12h, 1d or 1w, in quotes')
  );
}

function list(ofEach: Check, most: number): Check {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > most) {
      return [{ path, text: mustBe(path, t('model.list', 'a list of at most {{most}}', { most })) }];
    }
    return value.flatMap((item: unknown, index) => ofEach(item, [...path, index]));
  };
}

function object<T>(fields: Record<keyof T & string, Check>, required: Array<keyof T & string>): Check {
  const known = Object.keys(fields) as Array<keyof T & string>;
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [{ path, text: mustBe(path, t('model.object', 'an object in braces')) }];
    }
    const entries = Object.entries(value);
    const unknown = entries.filter(([name]) => !(name in fields)).map(([name]) => unknownField(name, known, path));
    const missing = required
      .filter((name) => !(name in value))
      .map((name) => ({ path, text: t('model.missing', '"{{name}}" is missing', { name }) }));
    const wrong = entries.flatMap(([name, own]) =>
      name in fields ? fields[name as keyof T & string](own, [...path, name]) : []
    );
    return [...unknown, ...missing, ...wrong];
  };
}

function unknownField(name: string, known: string[], path: Path): Fault {
  const meant = known.find((other) => other.toLowerCase() === name.toLowerCase());
  const text = meant
    ? t('model.meant', 'There is no "{{name}}": "{{meant}}" is meant', { name, meant })
    : t('model.unknown', 'There is no "{{name}}": {{known}} are allowed', { name, known: known.join(', ') });
  return { path: [...path, name], text };
}

function mustBe(path: Path, allowed: string): string {
  return path.length === 0
    ? t('model.whole', 'The query must be {{allowed}}', { allowed })
    : t('model.must-be', '"{{field}}" must be {{allowed}}', { field: fieldName(path), allowed });
}

/** A place as one writes it, such as `filters[0].op`. */
function fieldName(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}
