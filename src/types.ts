import { type DataSourceJsonData } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';

/** What is computed of the events or of a measure. */
export type Stat =
  'count' | 'rate' | 'bytes' | 'avg' | 'max' | 'min' | 'sum' | 'ratio' | 'percentile' | 'distinct' | 'delta';

/**
 * `=` one of the values, `!=` none of them; `=~` and `!~` the same with anchored regular expressions; `exists` and
 * `!exists` take no values: an event without the dimension has the empty value.
 */
export type FilterOperator = '=' | '!=' | '=~' | '!~' | 'exists' | '!exists';

export interface Filter {
  dimension: string;
  op: FilterOperator;
  values: string[];
}

/** `live` reads all there is; `sealed` reads up to the tidemark; `stream` is `live` that goes on by itself. */
export type ReadMode = 'live' | 'sealed' | 'stream';

/** `series` has a value for each point of time, `table` one value of the whole time range in a row for each series. */
export type Format = 'series' | 'table';

/** Marks on a panel's time axis: what changed a rollup's values, or will. */
export type AnnotationKind = 'corrections' | 'redefinitions' | 'restarts' | 'unsealed';

/** A number, or text while it holds a dashboard variable. */
export type NumberOrVariable = number | string;

/** How a query is edited: as a sentence, or as JSON. */
export type EditorMode = 'builder' | 'code';

/** One query of a panel, alert rule or Explore. The backend's model has the same names. */
export interface TidemarkQuery extends DataQuery {
  /** The form that the query was saved in; 0 where absent. */
  version?: number;
  /** Only for the editor; absent for the builder. */
  editorMode?: EditorMode;
  /** `annotations` asks for marks of the `kinds` instead of series; only `rollup` counts besides. */
  queryType?: string;
  kinds?: AnnotationKind[];
  rollup: string;
  stat: Stat;
  /** A measure for avg, max, min, sum, percentile and delta; one of the rollup's `distinct` for distinct. */
  measure?: string;
  /** For count and rate: only the events that met this condition. For ratio: the numerator. */
  condition?: string;
  /** For ratio: the condition that is the denominator; empty for all events. */
  over?: string;
  /** For percentile: above 0, up to 100. Default 95. */
  percentile?: NumberOrVariable;
  groupBy: string[];
  filters: Filter[];
  /** How many series to keep, the largest first. */
  top?: NumberOrVariable;
  /** One more series of everything that is not in the top. */
  other?: boolean;
  /** Default `series`. A table has no delta, no moving average and no stream. */
  format?: Format;
  /** `auto`, or a tier's length such as `10s`. */
  tier: string;
  /** When absent the backend reads `sealed` for alerting, else `live`. */
  read?: ReadMode;
  /** Only in requests: for `stream`, that the front end subscribes and lays the live rows over the answer itself. */
  overlay?: boolean;
  /** Shows the values of so much earlier: whole minutes, hours, days or weeks, such as `1d`. */
  shift?: string;
  /** Points that each value is smoothed over, 2 to 1000. */
  movingAverage?: NumberOrVariable;
  /** Series that had events up to so long before the range are shown too, such as `1d`. When absent it is `1d` for alerting, else none. */
  lookback?: string;
  /** IANA name, or empty for UTC. Where absent, a request brings the dashboard's. */
  timezone?: string;
  /** Legend, with placeholders such as {{host}}, {{stat}}, {{measure}} and {{rollup}}. */
  alias?: string;
}

/** What a dashboard variable lists. */
export type VariableKind =
  'values' | 'rollups' | 'dimensions' | 'measures' | 'percentiles' | 'conditions' | 'distinct' | 'tiers';

export interface TidemarkVariableQuery extends DataQuery {
  kind: VariableKind;
  rollup?: string;
  dimension?: string;
  /** Only values that contain this text. */
  search?: string;
  /** Only values that match this regular expression as a whole. */
  regex?: string;
  /** Only values of events that all of these keep. */
  filters?: Filter[];
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
  /** MiB that answers take which are kept; 0 keeps none. Default 64. */
  cacheMiB?: number;
  /** Addresses of the sidecars, for the live stream. A provisioned text has commas between them. */
  sidecarUrls?: string[] | string;
  /** Names of headers for a proxy before the cluster; those from 1 up to the first that is missing count. */
  [header: `httpHeaderName${number}`]: string | undefined;
}

/** Written by the settings page, never sent back to it. */
export interface TidemarkSecureOptions {
  apiKey?: string;
  basicAuthPassword?: string;
  /** What the sidecars want to be shown before they tell live rows. */
  sidecarToken?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
  [header: `httpHeaderValue${number}`]: string | undefined;
}

/** The time that the windows of one tier cover. */
export interface TierProgress {
  tier: string;
  /** RFC 3339; absent where the tier begins with the rollup. */
  from?: string | null;
  /** RFC 3339; absent where the tier reaches to the present. */
  through?: string | null;
}

/** A rollup, as the resource `rollups` lists it. */
export interface Rollup {
  name: string;
  stream: string;
  /** Length of the finest tier, such as `10s`. */
  window: string;
  tiers: string[];
  /** How far each tier is made; a tier that is not listed has nothing yet. Empty where nothing is known of it. */
  tierProgress: TierProgress[];
  dimensions: string[];
  measures: string[];
  /** The measures that percentiles are kept of. */
  percentiles: string[];
  conditions: string[];
  /** Fields whose distinct values are counted. */
  distinct: string[];
  /** The sets of dimensions that are kept; the empty one is the total. */
  groupings: string[][];
  definition: string;
  /** RFC 3339 time up to which every window is sealed; null before the first. */
  tidemark: string | null;
  /** How far the tidemark was behind when the list was made; null without one. */
  behindSeconds?: number | null;
  /** RFC 3339. */
  updatedAt?: string;
}

/** A value of a dimension and how many events carried it in the time range. */
export interface DimensionValue {
  value: string;
  count: number;
}

/** The values of a dimension, as the resource `values` lists them. */
export interface DimensionValues {
  values: DimensionValue[];
  /** True where there are more values than were asked for. */
  truncated: boolean;
}
