import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import plugin from './plugin.json';

interface Texts {
  [key: string]: string | Texts;
}

const [source = '', ...translations] = plugin.languages;
const extracted = mkdtempSync(path.join(tmpdir(), 'locales-'));

beforeAll(() => {
  const parser = path.resolve('node_modules/i18next-parser/bin/cli.js');
  const output = path.join(extracted, '$LOCALE', '$NAMESPACE.json');
  execFileSync(process.execPath, [parser, '--config', 'i18next-parser.config.mjs', '--output', output, '--silent'], {
    stdio: 'pipe',
  });
});

afterAll(() => rmSync(extracted, { recursive: true }));

function texts(folder: string, language: string): Map<string, string> {
  const file = path.join(folder, language, `${plugin.id}.json`);
  return new Map(flatten(JSON.parse(readFileSync(file, 'utf8')) as Texts));
}

function flatten(all: Texts, prefix = ''): Array<[string, string]> {
  return Object.entries(all).flatMap(([key, text]): Array<[string, string]> =>
    typeof text === 'string' ? [[prefix + key, text]] : flatten(text, `${prefix}${key}.`)
  );
}

const stored = (language: string) => texts(path.join(__dirname, 'locales'), language);

/** Placeholders such as {{name}} and elements such as <1>, in any order. */
const parts = (text: string) => (text.match(/\{\{\s*\w+|<\/?\w+>/g) ?? []).sort();

/** The text that the code has; languages have plurals of their own. */
function original(key: string): string {
  const english = stored(source);
  return english.get(key) ?? english.get(key.replace(/_(zero|two|few|many)$/, '_other')) ?? '';
}

// After a change of texts: `npm run i18n`, then translate what is empty.
test(`the catalogue of ${source} has the texts of the code`, () => {
  expect(stored(source)).toEqual(texts(extracted, source));
});

describe.each(translations)('the catalogue of %s', (language) => {
  test('has every key that the code uses, and no other', () => {
    expect([...stored(language).keys()]).toEqual([...texts(extracted, language).keys()]);
  });

  test('leaves nothing untranslated', () => {
    expect([...stored(language)].filter(([, text]) => !text.trim())).toEqual([]);
  });

  test('has the placeholders and elements of the original', () => {
    const isChanged = ([key, text]: [string, string]) => String(parts(text)) !== String(parts(original(key)));
    expect([...stored(language)].filter(isChanged)).toEqual([]);
  });
});
