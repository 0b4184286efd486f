import { escapeRegex } from './regex';
import { hasVariable } from './template';
import { type Filter, type FilterOperator } from './types';

interface OperatorOption {
  value: FilterOperator;
  label: string;
  description: string;
}

const OPERATORS: OperatorOption[] = [
  { value: '=', label: '=', description: 'Is the value, or one of several' },
  { value: '!=', label: '!=', description: 'Is not the value, nor one of several' },
  { value: '=~', label: '=~', description: 'Matches the regular expression' },
  { value: '!~', label: '!~', description: 'Does not match the regular expression' },
  { value: 'exists', label: 'exists', description: 'Has a value that is not empty' },
  { value: '!exists', label: '!exists', description: 'Has no value, or the empty one' },
];

const OF_SEVERAL: Partial<Record<FilterOperator, string>> = { '=': 'one of', '!=': 'not one of' };

/** The operators, in words where a filter has several values. */
export function operatorOptions({ values }: Filter): OperatorOption[] {
  return values.length > 1
    ? OPERATORS.map((option) => ({ ...option, label: OF_SEVERAL[option.value] ?? option.label }))
    : OPERATORS;
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
export function filterText({ dimension, op, values }: Filter): string {
  if (!takesValues(op)) {
    return `${dimension} ${op}`;
  }
  const operator = (values.length > 1 && OF_SEVERAL[op]) || op;
  return `${dimension} ${operator} ${values.map(valueLabel).join(', ')}`;
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

/** How a value of a dimension is shown; a field that an event lacks is the empty string. */
export function valueLabel(value: string): string {
  return value === '' ? '(empty)' : value;
}
