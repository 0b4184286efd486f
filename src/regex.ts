/** Escapes what the regular expressions of Lucene or RE2 do not read as the character itself. */
export function escapeRegex(text: string): string {
  return text.replace(/[.?+*|{}[\]()"\\#@&<>~^$]/g, '\\$&');
}
