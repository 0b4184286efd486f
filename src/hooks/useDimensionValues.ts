import { type TimeRange } from '@grafana/data';
import { type ComboboxOption } from '@grafana/ui';
import { useCallback } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { valueLabel } from '../filter';

const COUNT = new Intl.NumberFormat('en', { notation: 'compact' });

/** Not a choice; its value is none that a dimension has. */
const MORE: ComboboxOption<string> = {
  value: '\0more',
  label: 'There are more: type to narrow them',
  infoOption: true,
};

/** Loads the values to offer for a dimension, narrowed by what was typed. */
export function useDimensionValues(
  datasource: TidemarkDataSource,
  rollup: string,
  dimension: string,
  range?: TimeRange
): (search: string) => Promise<Array<ComboboxOption<string>>> {
  return useCallback(
    async (search) => {
      const references = variableOptions(datasource).filter(({ value }) => value.includes(search));
      if (!rollup || !dimension) {
        return references;
      }
      const { values, truncated } = await datasource.getValues({ rollup, dimension, search, range });
      const options: Array<ComboboxOption<string>> = (values ?? []).map(({ value, count }) => ({
        value,
        label: valueLabel(value),
        description: `${COUNT.format(count)} ${count === 1 ? 'event' : 'events'}`,
      }));
      return [...options, ...references, ...(truncated ? [MORE] : [])];
    },
    [datasource, rollup, dimension, range]
  );
}

/** The dashboard's variables, as choices in a menu. */
export function variableOptions(datasource: TidemarkDataSource): Array<ComboboxOption<string>> {
  return datasource.variableReferences().map((value) => ({ value, label: value, description: 'Variable' }));
}
