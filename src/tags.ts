import {
  type DataSourceGetDrilldownsApplicabilityOptions,
  type DataSourceGetTagKeysOptions,
  type DataSourceGetTagValuesOptions,
  type DrilldownsApplicability,
  type MetricFindValue,
} from '@grafana/data';
import { toFilters } from './adHoc';
import { type TidemarkDataSource } from './datasource';
import { t } from './i18n';
import { type DimensionValues, type Rollup, type TidemarkQuery } from './types';

/** How many rollups the backend looks for values in together. */
const MOST_ROLLUPS = 10;

/** The dimensions of the rollups that a dashboard's panels name, or of every rollup where none is named. */
export async function getTagKeys(
  datasource: TidemarkDataSource,
  options?: Partial<DataSourceGetTagKeysOptions<TidemarkQuery>>
): Promise<MetricFindValue[]> {
  const dimensions = dimensionsOf(chosenRollups(datasource, await datasource.getRollups(), options?.queries));
  return [...dimensions].sort((a, b) => a.localeCompare(b)).map((name) => ({ text: name, value: name }));
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
  const rollups = chosenRollups(datasource, having, queries).slice(0, MOST_ROLLUPS);
  if (rollups.length === 0) {
    return [];
  }
  const kept = dimensionsOf(rollups);
  const others = toFilters(filters ?? []).filter(({ dimension }) => dimension !== key && kept.has(dimension));
  const { values } = await datasource.getResource<DimensionValues>('values', {
    rollup: rollups.map(({ name }) => name),
    dimension: key,
    filters: JSON.stringify(others),
    from: timeRange?.from.valueOf(),
    to: timeRange?.to.valueOf(),
  });
  return values.filter(({ value }) => value !== '').map(({ value }) => ({ text: value, value }));
}

/**
 * Which ad hoc filters none of the panels can meet, because no rollup that they read has the dimension. Grafana leaves such a filter out, and shows why. A panel
 * whose own rollup lacks a dimension that another one has says so itself, since the backend refuses its query.
 */
export async function getApplicability(
  datasource: TidemarkDataSource,
  { filters = [], queries }: Partial<DataSourceGetDrilldownsApplicabilityOptions<TidemarkQuery>> = {}
): Promise<DrilldownsApplicability[]> {
  const dimensions = dimensionsOf(chosenRollups(datasource, await datasource.getRollups(), queries));
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

/** The rollups that the queries name, or all where they name none. */
function chosenRollups(datasource: TidemarkDataSource, rollups: Rollup[], queries: TidemarkQuery[] = []): Rollup[] {
  const names = new Set(queries.map(({ rollup }) => datasource.interpolate(rollup ?? '')));
  const named = rollups.filter(({ name }) => names.has(name));
  return named.length > 0 ? named : rollups;
}

function dimensionsOf(rollups: Rollup[]): Set<string> {
  return new Set(rollups.flatMap(({ dimensions }) => dimensions));
}
