import {
  getDefaultTimeRange,
  type AdHocVariableFilter,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceGetDrilldownsApplicabilityOptions,
  type DataSourceGetTagKeysOptions,
  type DataSourceGetTagValuesOptions,
  type DataSourceInstanceSettings,
  type DrilldownsApplicability,
  type LegacyMetricFindQueryOptions,
  type MetricFindValue,
  type QueryFixAction,
  type ScopedVars,
  type TestDataSourceResponse,
  type TimeRange,
  type VariableType,
} from '@grafana/data';
import {
  config,
  DataSourceWithBackend,
  getTemplateSrv,
  HealthCheckError,
  HealthStatus,
  type TemplateSrv,
} from '@grafana/runtime';
import { type Observable } from 'rxjs';
import { toFilters } from './adHoc';
import { annotationSupport } from './annotations';
import { ExampleBox } from './examples';
import { contains, valueLabel, withValue } from './filter';
import { testResult } from './health';
import { interpolateFilters, interpolateQuery } from './interpolate';
import { LiveChannels } from './live/channels';
import { isStream, withLive } from './live/stream';
import { migrate, QUERY_VERSION } from './migrate';
import { DEFAULT_QUERY, displayText, isAnnotations, isComplete, withDefaults } from './query';
import { getApplicability, getTagKeys, getTagValues } from './tags';
import { Variables } from './template';
import { zoneName } from './timezone';
import {
  type DimensionValues,
  type Filter,
  type Rollup,
  type TidemarkOptions,
  type TidemarkQuery,
  type TidemarkVariableQuery,
  type VariableKind,
} from './types';
import { TidemarkVariableSupport } from './variables';

/** How many values a menu offers; typing narrows them. */
const MENU_LIMIT = 100;
/** How many values a dashboard variable lists; typing into its menu finds the others. */
const VARIABLE_LIMIT = 1000;

/** The value that the series of everything else has in place of the dimensions'. */
const OTHER = '(other)';

/** Types of variables that Grafana applies to queries by itself. */
const VALUELESS: VariableType[] = ['adhoc', 'groupby'];

/** Grafana sets the variable while somebody types into a variable's menu, and leaves the reference as it is otherwise. */
const NOTHING_TYPED: ScopedVars = { __searchFilter: { text: '', value: '' } };

type Lists = Pick<Rollup, 'percentiles' | 'distinct' | 'tierProgress'>;
/** A rollup as the backend describes it, which may leave out what the rollup has nothing of. */
type RollupAnswer = Omit<Rollup, keyof Lists> & { [Name in keyof Lists]?: Lists[Name] | null };

export interface ValuesRequest {
  rollup: string;
  dimension: string;
  search?: string;
  regex?: string;
  filters?: Filter[];
  range?: TimeRange;
  scopedVars?: ScopedVars;
  limit?: number;
}

export class TidemarkDataSource extends DataSourceWithBackend<TidemarkQuery, TidemarkOptions> {
  override annotations = annotationSupport;
  readonly examples = new ExampleBox();
  private readonly channels = new LiveChannels(this.uid);

  constructor(
    settings: DataSourceInstanceSettings<TidemarkOptions>,
    private readonly templateSrv: TemplateSrv = getTemplateSrv()
  ) {
    super(settings);
    this.variables = new TidemarkVariableSupport(this);
  }

  override getDefaultQuery(): Partial<TidemarkQuery> {
    return { ...DEFAULT_QUERY, version: QUERY_VERSION };
  }

  override filterQuery(query: TidemarkQuery): boolean {
    return !query.hide && isComplete(query);
  }

  override getQueryDisplayText(query: TidemarkQuery): string {
    return displayText(query);
  }

  /**
   * Days begin in the time zone of the dashboard, but where the query names one. Queries that read the live stream are
   * answered again and again; on public dashboards, where nobody may subscribe, once.
   */
  override query(request: DataQueryRequest<TidemarkQuery>): Observable<DataQueryResponse> {
    const timezone = zoneName(request.timezone);
    const targets = request.targets.map((query) => ({
      ...migrate(query),
      timezone: query.timezone ?? timezone,
      ...(isStream(query) && { overlay: true }),
    }));
    const answers = super.query({ ...request, targets });
    const isFollowed = targets.some(isStream) && !config.publicDashboardAccessToken;
    return isFollowed ? withLive(answers, request, this.channels) : answers;
  }

  override applyTemplateVariables(
    query: TidemarkQuery,
    scopedVars: ScopedVars,
    adHoc: AdHocVariableFilter[] = []
  ): TidemarkQuery {
    const replaced = interpolateQuery(query, this.templateSrv, scopedVars);
    return isAnnotations(replaced) ? replaced : { ...replaced, filters: [...replaced.filters, ...toFilters(adHoc)] };
  }

  /**
   * Filters by a value that was chosen in an answer, in Explore. Queries that are not grouped by the dimension have not shown it,
   * and the series of everything else has no value.
   */
  override modifyQuery(query: TidemarkQuery, { type, options }: QueryFixAction): TidemarkQuery {
    const { key, value } = options ?? {};
    const isKept = type === 'ADD_FILTER';
    const { groupBy, filters } = withDefaults(query);
    if ((!isKept && type !== 'ADD_FILTER_OUT') || key === undefined || value === undefined || value === OTHER) {
      return query;
    }
    return groupBy.includes(key) ? { ...query, filters: withValue(filters, key, value, isKept) } : query;
  }

  override getTagKeys(options?: DataSourceGetTagKeysOptions<TidemarkQuery>): Promise<MetricFindValue[]> {
    return getTagKeys(this, options);
  }

  override getTagValues(options: DataSourceGetTagValuesOptions<TidemarkQuery>): Promise<MetricFindValue[]> {
    return getTagValues(this, options);
  }

  override getDrilldownsApplicability(
    options?: DataSourceGetDrilldownsApplicabilityOptions<TidemarkQuery>
  ): Promise<DrilldownsApplicability[]> {
    return getApplicability(this, options);
  }

  override async metricFindQuery(
    query: TidemarkVariableQuery,
    options?: LegacyMetricFindQueryOptions
  ): Promise<MetricFindValue[]> {
    if (query.kind === 'values') {
      return this.findValues(query, options);
    }
    const rollups = await this.getRollups();
    const name = this.interpolate(query.rollup ?? '', options?.scopedVars);
    const rollup = rollups.find((listed) => listed.name === name);
    const names = query.kind === 'rollups' ? rollups.map((listed) => listed.name) : namesOf(query.kind, rollup);
    const typed = this.interpolate('$__searchFilter', { ...NOTHING_TYPED, ...options?.scopedVars });
    return toFindValues(names.filter((listed) => contains(listed, typed)));
  }

  override async testDatasource(): Promise<TestDataSourceResponse> {
    const { status, message, details } = await this.callHealthCheck();
    const result = testResult(message, details, this.meta.info.version);
    if (status !== HealthStatus.OK) {
      // The form in which Grafana shows the details of a failure too.
      throw Object.assign(new Error(message), { error: new HealthCheckError(message, { ...result.details }) });
    }
    return result;
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
    const variables = new Variables(this.templateSrv, scopedVars);
    const regex = variables.pattern(request.regex ?? '');
    const filters = interpolateFilters(request.filters ?? [], variables);
    const params = {
      rollup: variables.replace(request.rollup),
      dimension: variables.replace(request.dimension),
      search: variables.replace(request.search ?? ''),
      limit: request.limit ?? MENU_LIMIT,
      from: range.from.valueOf(),
      to: range.to.valueOf(),
      ...(regex && { regex }),
      ...(filters.length > 0 && { filters: JSON.stringify(filters) }),
    };
    return this.getResource<DimensionValues>('values', params, { showErrorAlert: false });
  }

  interpolate(text: string, scopedVars?: ScopedVars): string {
    return this.templateSrv.replace(text, scopedVars);
  }

  /** References to the dashboard's variables that stand for values, such as `$host`. */
  variableReferences(): string[] {
    return this.templateSrv
      .getVariables()
      .filter(({ type }) => !VALUELESS.includes(type))
      .map(({ name }) => `$${name}`);
  }

  private async findValues(
    query: TidemarkVariableQuery,
    options?: LegacyMetricFindQueryOptions
  ): Promise<MetricFindValue[]> {
    const { rollup, dimension, search, regex, filters } = query;
    if (!rollup || !dimension) {
      return [];
    }
    const { range } = options ?? {};
    const scopedVars = { ...NOTHING_TYPED, ...options?.scopedVars };
    const { values } = await this.getValues({
      rollup,
      dimension,
      search,
      regex,
      filters,
      range,
      scopedVars,
      limit: VARIABLE_LIMIT,
    });
    return toFindValues(values.map(({ value }) => value));
  }
}

/** What a rollup has of a kind. `auto` is there beside the tiers, as it is in the query editor. */
function namesOf(kind: Exclude<VariableKind, 'values' | 'rollups'>, rollup?: Rollup): string[] {
  if (!rollup) {
    return [];
  }
  return kind === 'tiers' ? ['auto', ...rollup.tiers] : rollup[kind];
}

function toFindValues(values: string[]): MetricFindValue[] {
  return values.map((value) => ({ text: valueLabel(value), value }));
}

function withLists(rollup: RollupAnswer): Rollup {
  const { percentiles, distinct, tierProgress } = rollup;
  return { ...rollup, percentiles: percentiles ?? [], distinct: distinct ?? [], tierProgress: tierProgress ?? [] };
}
