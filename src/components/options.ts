import { type ComboboxOption } from '@grafana/ui';
import { type Rollup } from '../types';

/** Names as choices of a menu. */
export function toOptions(names: string[]): Array<ComboboxOption<string>> {
  return names.map((value) => ({ value, label: value }));
}

/** Rollups as choices of a menu, with what tells them apart. */
export function rollupOptions(rollups: Rollup[]): Array<ComboboxOption<string>> {
  return rollups.map(({ name, stream, window, dimensions }) => ({
    value: name,
    label: name,
    description: `${stream}, every ${window}${dimensions.length > 0 ? `, by ${dimensions.join(', ')}` : ''}`,
  }));
}
