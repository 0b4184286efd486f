import { type ComboboxOption } from '@grafana/ui';
import { t } from '../i18n';
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
    description:
      dimensions.length > 0
        ? t('options.rollup', '{{stream}}, every {{window}}, by {{dimensions}}', {
            stream,
            window,
            dimensions: dimensions.join(', '),
          })
        : t('options.rollup-total', '{{stream}}, every {{window}}', { stream, window }),
  }));
}
