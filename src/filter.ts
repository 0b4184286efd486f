import { t } from './i18n';
import { escapeRegex } from './regex';
import { hasVariable } from './template';
import { type Filter, type FilterOperator } from './types';

interface OperatorOption {
  value: FilterOperator;
  label: string;
  description: string;
}

const OPERATORS: Record<FilterOperator, () => string> = {
  '=': () => t('filter.is', 'Is the value, or one of several'),
  '!=': () => t('filter.is-not', 'Is not the value, nor one of several'),
  '=~': () => t('filter.matches', 'Matches the regular expression'),
  '!~': () => t('filter.matches-not', 'Does not match the regular expression'),
  exists: () => t('filter.exists', 'Has a value that is not empty'),
  '!exists': () => t('filter.exists-not', 'Has no value, or the empty one'),
};

export const OPERATOR_NAMES = Object.keys(OPERATORS) as FilterOperator[];

/** The name of an operator, in words where it has no sign, or where a filter has several values. */
function operatorName({ op, values }: Filter): string {
  const isOfSeveral = values.length > 1;
  switch (op) {
    case '=':
      return isOfSeveral ? t('filter.one-of', 'one of') : op;
    case '!=':
      return isOfSeveral ? t('filter.not-one-of', 'not one of') : op;
    case 'exists':
      return t('filter.exists-name', 'exists');
    case '!exists':
      return t('filter.exists-not-name', '!exists');
    default:
      return op;
  }
}

/** The operators to choose from for a filter. */
export function operatorOptions(filter: Filter): OperatorOption[] {
  return OPERATOR_NAMES.map((value) => ({
    value,
    label: operatorName({ ...filter, op: value }),
    description: OPERATORS[value](),
  }));
}

export function isRegex(op: FilterOperator): boolean {
  return op === '=~' || op === '!~';
}

export function takesValues(op: FilterOperator): boolean {
  return op !== 'exists' && op !== '!exists';
}

/** Whether a filter keeps anything out. */
export function isEffective({ dimension, op, values }: Filter): boolean {
  return dimension !== '' && (!takesValues(op) || values.length > 0);
}

/** A filter in words. */
export function filterText(filter: Filter): string {
  const { dimension, op, values } = filter;
  const compared = takesValues(op) ? ` ${values.map(valueLabel).join(', ')}` : '';
  return `${dimension} ${operatorName(filter)}${compared}`;
}

/** The same filter with another operator; a list of values becomes the expression that matches it, and back where it can. */
export function withOperator(filter: Filter, op: FilterOperator): Filter {
  if (!takesValues(op)) {
    return { ...filter, op, values: [] };
  }
  if (isRegex(op) === isRegex(filter.op)) {
    return { ...filter, op };
  }
  if (!isRegex(op)) {
    return { ...filter, op, values: plainAlternatives(filter.values[0] ?? '') };
  }
  const pattern = filter.values.map((value) => (hasVariable(value) ? value : escapeRegex(value))).join('|');
  return { ...filter, op, values: pattern ? [pattern] : [] };
}

/** The values that an expression lists; none where it is more than a list. */
function plainAlternatives(pattern: string): string[] {
  if (!pattern) {
    return [];
  }
  const values = pattern.split('|').map((part) => (hasVariable(part) ? part : part.replace(/\\([^\w\s])/g, '$1')));
  const lists = values.map((value) => (hasVariable(value) ? value : escapeRegex(value))).join('|') === pattern;
  return lists ? values : [];
}

/** Keeps only the events with a value of a dimension, or leaves them out. What was said of the dimension's values before gives way. */
export function withValue(filters: Filter[], dimension: string, value: string, isKept: boolean): Filter[] {
  const isOwn = (filter: Filter) => filter.dimension === dimension && (filter.op === '=' || filter.op === '!=');
  if (isKept) {
    return [...filters.filter((filter) => !isOwn(filter)), { dimension, op: '=', values: [value] }];
  }
  const leftOut = filters.find((filter) => isOwn(filter) && filter.op === '!=');
  const others = filters
    .filter((filter) => filter !== leftOut)
    .map((filter) => (isOwn(filter) ? { ...filter, values: filter.values.filter((own) => own !== value) } : filter))
    .filter((filter) => !isOwn(filter) || filter.values.length > 0);
  return [...others, { dimension, op: '!=', values: [...new Set([...(leftOut?.values ?? []), value])] }];
}

/** How a value of a dimension is shown; a field that an event lacks is the empty string. */
export function valueLabel(value: string): string {
  return value === '' ? t('filter.empty', '(empty)') : value;
}

/** Whether a name contains what is typed, in capitals or not, as the backend searches values. */
export function contains(name: string, typed: string): boolean {
  return name.toLowerCase().includes(typed.toLowerCase());
}
