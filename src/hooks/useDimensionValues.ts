import { type TimeRange } from '@grafana/data';
import { type ComboboxOption } from '@grafana/ui';
import { useCallback } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { contains, valueLabel } from '../filter';
import { t } from '../i18n';

/** Loads the values to offer for a dimension, narrowed by what was typed. */
export function useDimensionValues(
  datasource: TidemarkDataSource,
  rollup: string,
  dimension: string,
  range?: TimeRange
): (search: string) => Promise<Array<ComboboxOption<string>>> {
  return useCallback(
    async (search) => {
      const references = variableOptions(datasource).filter(({ value }) => contains(value, search));
      if (!rollup || !dimension) {
        return references;
      }
      const { values, truncated } = await datasource.getValues({ rollup, dimension, search, range });
      const options: Array<ComboboxOption<string>> = (values ?? []).map(({ value, count }) => ({
        value,
        label: valueLabel(value),
        description: t('values.events', '{{count, number(notation: compact)}} events', {
          count,
          defaultValue_one: '{{count, number(notation: compact)}} event',
        }),
      }));
      return [...options, ...references, ...(truncated ? [more()] : [])];
    },
    [datasource, rollup, dimension, range]
  );
}

/** The dashboard's variables, as choices in a menu. */
export function variableOptions(datasource: TidemarkDataSource): Array<ComboboxOption<string>> {
  const description = t('values.variable', 'Variable');
  return datasource.variableReferences().map((value) => ({ value, label: value, description }));
}

/** Not a choice; its value is none that a dimension has. */
function more(): ComboboxOption<string> {
  return { value: '\0more', label: t('values.more', 'There are more: type to narrow them'), infoOption: true };
}
