import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { t } from './i18n';
import { type Fault, faultsOf, type Model, toModel } from './model';
import { isComplete } from './query';
import { needsMeasure, statistic } from './stat';
import { type TidemarkQuery } from './types';

/** What is wrong with a query that was typed, and where. */
export interface Problem {
  line: number;
  text: string;
}

/** A query's model, or what is wrong with it. */
export type Parsed = { model: Partial<Model>; problems?: undefined } | { problems: Problem[] };

/** The model of a query as text to edit: a line a field, and a line a filter. */
export function toCode(query: TidemarkQuery): string {
  const lines = Object.entries(toModel(query)).map(([name, value]) => `  "${name}": ${write(value)}`);
  return `{\n${lines.join(',\n')}\n}`;
}

function write(value: unknown): string {
  if (Array.isArray(value)) {
    const items = value.map(write);
    return value.some((item) => typeof item === 'object')
      ? `[\n    ${items.join(',\n    ')}\n  ]`
      : `[${items.join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, own]) => `"${name}": ${write(own)}`);
    return `{ ${fields.join(', ')} }`;
  }
  return JSON.stringify(value);
}

/** Reads a model that was typed. */
export function parseCode(code: string): Parsed {
  const errors: ParseError[] = [];
  const root = parseTree(code, errors, { disallowComments: true, allowTrailingComma: false });
  const [error] = errors;
  if (error || !root) {
    return { problems: [{ line: lineAt(code, error?.offset ?? 0), text: syntaxText(error) }] };
  }
  const value: unknown = getNodeValue(root);
  const faults = [...repeated(root), ...faultsOf(value)];
  if (faults.length > 0) {
    return { problems: faults.map((fault) => ({ line: lineOf(code, root, fault), text: fault.text })) };
  }
  const model = value as Partial<Model>;
  return isComplete(model) ? { model } : { problems: [{ line: 1, text: lackText(model) }] };
}

/** A field that stands twice would silently be the last one. */
function repeated(root: Node): Fault[] {
  const names = (root.type === 'object' ? (root.children ?? []) : []).map(
    ({ children }) => children?.[0]?.value as string
  );
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  return twice.map((name) => ({ path: [name], text: t('code.repeated', '"{{name}}" is there twice', { name }) }));
}

function lineOf(code: string, root: Node, { path }: Fault): number {
  return lineAt(code, (findNodeAtLocation(root, path) ?? root).offset);
}

function lineAt(code: string, offset: number): number {
  return code.slice(0, offset).split('\n').length;
}

function syntaxText(error?: ParseError): string {
  switch (error && printParseErrorCode(error.error)) {
    case 'PropertyNameExpected':
      return t('code.name-expected', 'A field name in double quotes is expected, and no comma before a closing brace');
    case 'ValueExpected':
      return t('code.value-expected', 'A value is expected');
    case 'ColonExpected':
      return t('code.colon-expected', 'A colon is expected after the name of the field');
    case 'CommaExpected':
      return t('code.comma-expected', 'A comma is expected between the fields');
    case 'CloseBraceExpected':
      return t('code.brace-expected', 'A closing brace } is missing');
    case 'CloseBracketExpected':
      return t('code.bracket-expected', 'A closing bracket ] is missing');
    case 'EndOfFileExpected':
      return t('code.end-expected', 'Nothing may follow the closing brace');
    case 'UnexpectedEndOfString':
      return t('code.quote-expected', 'A closing quote " is missing');
    case 'InvalidCommentToken':
      return t('code.no-comments', 'Comments are not allowed');
    default:
      return t('code.no-json', 'This is no JSON');
  }
}

function lackText({ rollup, stat = 'count' }: Partial<Model>): string {
  if (!rollup) {
    return t('code.rollup-lacks', '"rollup" must name a rollup');
  }
  const name = needsMeasure(stat) ? 'measure' : statistic(stat).condition === 'required' ? 'condition' : 'stat';
  return t('code.lacks', '"stat" is "{{stat}}", which needs a "{{name}}"', { stat, name });
}
