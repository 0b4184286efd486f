import {
  CoreApp,
  getDefaultTimeRange,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  type LegacyMetricFindQueryOptions,
  type MetricFindValue,
  type ScopedVars,
  type TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type TemplateSrv } from '@grafana/runtime';
import { type Observable } from 'rxjs';
import { valueLabel } from './filter';
import { interpolateQuery } from './interpolate';
import { DEFAULT_QUERY, displayText, isComplete } from './query';
import { zoneName } from './timezone';
import {
  type DimensionValues,
  type Rollup,
  type TidemarkOptions,
  type TidemarkQuery,
  type TidemarkVariableQuery,
} from './types';
import { TidemarkVariableSupport } from './variables';

/** How many values a menu offers; typing narrows them. */
const MENU_LIMIT = 100;
/** How many values a dashboard variable lists. */
const VARIABLE_LIMIT = 1000;

type Lists = Pick<Rollup, 'percentiles' | 'distinct' | 'tierProgress'>;
/** A rollup as the backend describes it, which may leave out what the rollup has nothing of. */
type RollupAnswer = Omit<Rollup, keyof Lists> & { [Name in keyof Lists]?: Lists[Name] | null };

export interface ValuesRequest {
  rollup: string;
  dimension: string;
  search?: string;
  range?: TimeRange;
  scopedVars?: ScopedVars;
  limit?: number;
}

export class TidemarkDataSource extends DataSourceWithBackend<TidemarkQuery, TidemarkOptions> {
  constructor(
    settings: DataSourceInstanceSettings<TidemarkOptions>,
    private readonly templateSrv: TemplateSrv = getTemplateSrv()
  ) {
    super(settings);
    this.variables = new TidemarkVariableSupport(this);
  }

  override getDefaultQuery(app: CoreApp): Partial<TidemarkQuery> {
    return { ...DEFAULT_QUERY, read: app === CoreApp.UnifiedAlerting ? 'sealed' : 'live' };
  }

  override filterQuery(query: TidemarkQuery): boolean {
    return !query.hide && isComplete(query);
  }

  override getQueryDisplayText(query: TidemarkQuery): string {
    return displayText(query);
  }

  /** Days begin in the time zone of the dashboard, but where the query names one. */
  override query(request: DataQueryRequest<TidemarkQuery>): Observable<DataQueryResponse> {
    const timezone = zoneName(request.timezone);
    const targets = request.targets.map((query) => ({ ...query, timezone: query.timezone ?? timezone }));
    return super.query({ ...request, targets });
  }

  override applyTemplateVariables(query: TidemarkQuery, scopedVars: ScopedVars): TidemarkQuery {
    return interpolateQuery(query, this.templateSrv, scopedVars);
  }

  override async metricFindQuery(
    query: TidemarkVariableQuery,
    options?: LegacyMetricFindQueryOptions
  ): Promise<MetricFindValue[]> {
    if (query.kind === 'values') {
      return this.findValues(query, options);
    }
    const rollups = await this.getRollups();
    if (query.kind === 'rollups') {
      return toFindValues(rollups.map(({ name }) => name));
    }
    const name = this.interpolate(query.rollup ?? '', options?.scopedVars);
    return toFindValues(rollups.find((rollup) => rollup.name === name)?.[query.kind] ?? []);
  }

  /** Every rollup under the index prefix, sorted by name. */
  async getRollups(): Promise<Rollup[]> {
    const { rollups } = await this.getResource<{ rollups: RollupAnswer[] | null }>('rollups', undefined, {
      showErrorAlert: false,
    });
    return (rollups ?? []).map(withLists).sort((a, b) => a.name.localeCompare(b.name));
  }

  /** The values of a dimension in a time range, the ones with the most events first. */
  async getValues({ range = getDefaultTimeRange(), scopedVars, ...request }: ValuesRequest): Promise<DimensionValues> {
    const params = {
      rollup: this.interpolate(request.rollup, scopedVars),
      dimension: this.interpolate(request.dimension, scopedVars),
      search: this.interpolate(request.search ?? '', scopedVars),
      limit: request.limit ?? MENU_LIMIT,
      from: range.from.valueOf(),
      to: range.to.valueOf(),
    };
    return this.getResource<DimensionValues>('values', params, { showErrorAlert: false });
  }

  interpolate(text: string, scopedVars?: ScopedVars): string {
    return this.templateSrv.replace(text, scopedVars);
  }

  /** References to the dashboard's variables, such as `$host`. */
  variableReferences(): string[] {
    return this.templateSrv.getVariables().map(({ name }) => `$${name}`);
  }

  private async findValues(
    query: TidemarkVariableQuery,
    options?: LegacyMetricFindQueryOptions
  ): Promise<MetricFindValue[]> {
    const { rollup, dimension, search } = query;
    if (!rollup || !dimension) {
      return [];
    }
    const { range, scopedVars } = options ?? {};
    const { values } = await this.getValues({ rollup, dimension, search, range, scopedVars, limit: VARIABLE_LIMIT });
    return toFindValues(values.map(({ value }) => value));
  }
}

function toFindValues(values: string[]): MetricFindValue[] {
  return values.map((value) => ({ text: valueLabel(value), value }));
}

function withLists(rollup: RollupAnswer): Rollup {
  const { percentiles, distinct, tierProgress } = rollup;
  return { ...rollup, percentiles: percentiles ?? [], distinct: distinct ?? [], tierProgress: tierProgress ?? [] };
}
