import { type DataSourceJsonData } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';

/** What is computed of the events or of a measure. */
export type Stat = 'count' | 'rate' | 'bytes' | 'avg' | 'max' | 'min' | 'sum';

/** `=` one of the values, `!=` none of them; `=~` and `!~` the same with anchored regular expressions. */
export type FilterOperator = '=' | '!=' | '=~' | '!~';

export interface Filter {
  dimension: string;
  op: FilterOperator;
  values: string[];
}

/** `live` reads all there is; `sealed` reads up to the tidemark. */
export type ReadMode = 'live' | 'sealed';

/** One query of a panel, alert rule or Explore. The backend's model has the same names. */
export interface TidemarkQuery extends DataQuery {
  rollup: string;
  stat: Stat;
  /** Needed by avg, max, min and sum. */
  measure?: string;
  groupBy: string[];
  filters: Filter[];
  /** How many series to keep, the largest first. Text only while it holds a dashboard variable. */
  top?: number | string;
  /** `auto`, or a tier's length such as `10s`. */
  tier: string;
  /** When absent the backend reads `sealed` for alerting, else `live`. */
  read?: ReadMode;
  /** Legend, with placeholders such as {{host}}, {{stat}}, {{measure}} and {{rollup}}. */
  alias?: string;
}

/** What a dashboard variable lists. */
export type VariableKind = 'values' | 'rollups' | 'dimensions' | 'measures';

export interface TidemarkVariableQuery extends DataQuery {
  kind: VariableKind;
  rollup?: string;
  dimension?: string;
  /** Only values that contain this text. */
  search?: string;
}

export type AuthMethod = 'none' | 'basic' | 'apiKey';

export interface TidemarkOptions extends DataSourceJsonData {
  authMethod?: AuthMethod;
  /** First part of the names of Tidemark's indices. Default `tidemark`. */
  indexPrefix?: string;
  tlsAuth?: boolean;
  tlsAuthWithCACert?: boolean;
  tlsSkipVerify?: boolean;
  serverName?: string;
  /** Seconds. */
  timeout?: number;
}

/** Written by the settings page, never sent back to it. */
export interface TidemarkSecureOptions {
  apiKey?: string;
  basicAuthPassword?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
}

/** A rollup, as the resource `rollups` lists it. */
export interface Rollup {
  name: string;
  stream: string;
  /** Length of the finest tier, such as `10s`. */
  window: string;
  tiers: string[];
  dimensions: string[];
  measures: string[];
  conditions: string[];
  /** The sets of dimensions that are kept; the empty one is the total. */
  groupings: string[][];
  definition: string;
  /** RFC 3339 time up to which every window is sealed; null before the first. */
  tidemark: string | null;
  /** RFC 3339. */
  updatedAt?: string;
}

/** A value of a dimension and how many events carried it in the time range. */
export interface DimensionValue {
  value: string;
  count: number;
}

export interface DimensionValues {
  values: DimensionValue[];
  /** True where there are more values than were asked for. */
  truncated: boolean;
}
