import {
  type DataSourceGetDrilldownsApplicabilityOptions,
  type DataSourceGetTagKeysOptions,
  type DataSourceGetTagValuesOptions,
  type DrilldownsApplicability,
  type MetricFindValue,
} from '@grafana/data';
import { toFilters } from './adHoc';
import { type TidemarkDataSource } from './datasource';
import { valueLabel } from './filter';
import { t } from './i18n';
import { type DimensionValue, type Rollup, type TidemarkQuery } from './types';

/** How many rollups are asked for the values of one key. */
const MOST_ROLLUPS = 10;

interface TagKeys {
  keys: Array<{ text: string; value: string }> | null;
}

interface TagValues {
  values: Array<DimensionValue & { text: string }> | null;
}

/** The dimensions of the rollups that a dashboard's panels name, or of every rollup where none is named. */
export async function getTagKeys(
  datasource: TidemarkDataSource,
  options?: Partial<DataSourceGetTagKeysOptions<TidemarkQuery>>
): Promise<MetricFindValue[]> {
  const named = namedRollups(datasource, await datasource.getRollups(), options?.queries);
  const names = named.length > 0 ? named.map(({ name }) => name) : [''];
  const answers = await Promise.all(names.map((rollup) => datasource.getResource<TagKeys>('tag-keys', { rollup })));
  const keys = new Map(answers.flatMap(({ keys }) => keys ?? []).map(({ text, value }) => [value, text]));
  return [...keys].map(([value, text]) => ({ text, value })).sort((a, b) => a.text.localeCompare(b.text));
}

/**
 * The values of a dimension in the rollups that the panels name and that have it, or in all that have it, the ones with the most events first, of events that the other filters
 * keep. The empty value is not among them, since Grafana takes a filter by it for one that has no value yet.
 */
export async function getTagValues(
  datasource: TidemarkDataSource,
  { key, filters, timeRange, queries }: DataSourceGetTagValuesOptions<TidemarkQuery>
): Promise<MetricFindValue[]> {
  const having = (await datasource.getRollups()).filter(({ dimensions }) => dimensions.includes(key));
  const named = namedRollups(datasource, having, queries);
  const rollups = named.length > 0 ? named : having;
  const others = toFilters(filters ?? []).filter(({ dimension }) => dimension !== key);
  const answers = await Promise.all(
    rollups.slice(0, MOST_ROLLUPS).map(({ name, dimensions }) =>
      datasource.getResource<TagValues>('tag-values', {
        rollup: name,
        key,
        filters: JSON.stringify(others.filter(({ dimension }) => dimensions.includes(dimension))),
        from: timeRange?.from.valueOf(),
        to: timeRange?.to.valueOf(),
      })
    )
  );
  const counts = new Map<string, number>();
  for (const { value, count } of answers.flatMap(({ values }) => values ?? [])) {
    counts.set(value, (counts.get(value) ?? 0) + count);
  }
  counts.delete('');
  return [...counts].sort(([, a], [, b]) => b - a).map(([value]) => ({ text: valueLabel(value), value }));
}

/**
 * Which ad hoc filters none of the panels can meet, because no rollup that they read has the dimension. Grafana leaves such a filter out, and shows why. A panel
 * whose own rollup lacks a dimension that another one has says so itself, since the backend refuses its query.
 */
export async function getApplicability(
  datasource: TidemarkDataSource,
  { filters = [], queries }: Partial<DataSourceGetDrilldownsApplicabilityOptions<TidemarkQuery>> = {}
): Promise<DrilldownsApplicability[]> {
  const all = await datasource.getRollups();
  const named = namedRollups(datasource, all, queries);
  const dimensions = new Set((named.length > 0 ? named : all).flatMap((rollup) => rollup.dimensions));
  return filters
    .filter(({ key }) => key !== '')
    .map(({ key, origin }) => ({
      key,
      origin,
      ...(dimensions.has(key)
        ? { applicable: true }
        : {
            applicable: false,
            reason: t('ad-hoc.inapplicable', 'No rollup here has the dimension {{dimension}}', {
              dimension: key,
            }),
          }),
    }));
}

function namedRollups(datasource: TidemarkDataSource, rollups: Rollup[], queries: TidemarkQuery[] = []): Rollup[] {
  const names = new Set(queries.map(({ rollup }) => datasource.interpolate(rollup ?? '')));
  return rollups.filter(({ name }) => names.has(name));
}
