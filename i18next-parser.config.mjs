import { readFileSync } from 'node:fs';
import path from 'node:path';

const { id, languages } = JSON.parse(readFileSync(path.join(import.meta.dirname, 'plugin.json'), 'utf8'));
const [source] = languages;

/** Brings the catalogues in `src/locales` up to the texts in the code, see CONTRIBUTING.md. */
export default {
  locales: languages,
  defaultNamespace: id,
  input: ['src/**/*.{ts,tsx}', '!src/**/*.test.{ts,tsx}', '!src/test/**'],
  output: 'src/locales/$LOCALE/$NAMESPACE.json',
  // The code has the texts of the first language; the others begin empty.
  resetDefaultValueLocale: source,
  defaultValue: (language, _namespace, _key, text) => (language === source ? text : ''),
  keepRemoved: false,
  createOldCatalogs: false,
  sort: true,
  failOnWarnings: true,
};
