import { t as translate } from '@grafana/i18n';

/**
 * The text of a key in the reader's language, for properties and for lists of choices; `Trans` of `@grafana/i18n` is for text with elements in it. Called while
 * something is drawn, never when a module loads: the language is not known then. Values come as they are, since React escapes them.
 */
export function t(key: string, text: string, values?: Record<string, unknown>): string {
  return translate(key, text, { ...values, interpolation: { escapeValue: false } });
}
