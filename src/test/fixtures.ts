import { type DataSourceInstanceSettings, type ScopedVars, type VariableType } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';
import { TidemarkDataSource } from '../datasource';
import { type DimensionValues, type Rollup, type TidemarkOptions, type TidemarkQuery } from '../types';

export const logWrites: Rollup = {
  name: 'log_writes',
  stream: 'app-logs',
  window: '10s',
  tiers: ['10s', '1m'],
  tierProgress: [],
  dimensions: ['host', 'path'],
  measures: ['offset', 'took'],
  percentiles: ['took'],
  conditions: ['errors', 'slow'],
  distinct: ['users'],
  groupings: [['host', 'path'], ['path'], []],
  definition: 'ab12',
  tidemark: '2026-01-01T00:00:00Z',
};

export const requests: Rollup = {
  name: 'requests',
  stream: 'nginx',
  window: '10s',
  tiers: ['10s'],
  tierProgress: [],
  dimensions: ['host', 'status'],
  measures: [],
  percentiles: [],
  conditions: [],
  distinct: [],
  groupings: [['host', 'status'], []],
  definition: 'cd34',
  tidemark: null,
};

export const query: TidemarkQuery = {
  refId: 'A',
  rollup: 'log_writes',
  stat: 'count',
  groupBy: [],
  filters: [],
  tier: 'auto',
  read: 'live',
};

interface FakeVariable {
  value: string | string[];
  text?: string;
  /** A custom all value, which is put in without being formatted. */
  allValue?: string;
  type?: VariableType;
}

type Format = (value: string | string[]) => string;

/** Replaces variables as Grafana does: a format in the reference wins, a custom all value is not formatted, unknown ones stay. */
export function fakeTemplateSrv(variables: Record<string, FakeVariable> = {}): TemplateSrv {
  const lookUp = (name: string, scopedVars?: ScopedVars): FakeVariable | undefined => {
    const scoped = scopedVars?.[name];
    return scoped ? { value: scoped.value as string, text: scoped.text as string } : variables[name];
  };
  return {
    getVariables: () =>
      Object.entries(variables).map(
        ([name, { type = 'query' }]) => ({ name, type }) as ReturnType<TemplateSrv['getVariables']>[0]
      ),
    containsTemplate: (target = '') => target.includes('$'),
    updateTimeRange: () => {},
    replace: (target = '', scopedVars, format) =>
      target.replace(/\$(\w+)|\$\{(\w+)(?::(\w+))?\}/g, (match: string, bare: string, braced: string, own?: string) => {
        const variable = lookUp(bare ?? braced, scopedVars);
        if (!variable) {
          return match;
        }
        if (own === 'text') {
          return variable.text ?? [variable.value].flat().join(' + ');
        }
        if (variable.allValue !== undefined) {
          return variable.allValue;
        }
        if (typeof format === 'function') {
          return (format as Format)(variable.value);
        }
        return Array.isArray(variable.value) ? `{${variable.value.join(',')}}` : variable.value;
      }),
  };
}

interface FakeResources {
  rollups?: Rollup[] | Error;
  values?: DimensionValues | Error;
  variables?: Record<string, FakeVariable>;
  /** Answers of other resources, by their path, to the parameters that they are asked with. */
  others?: Record<string, (params: Record<string, unknown>) => unknown>;
}

/** A data source whose backend answers with what is given. */
export function fakeDataSource({ rollups = [logWrites, requests], values, variables, others }: FakeResources = {}) {
  const settings = {
    id: 1,
    uid: 'tm',
    type: 'tidemark-rollups-datasource',
    name: 'Tidemark',
    meta: { info: { version: '1.2.3' } },
    jsonData: {},
  };
  const datasource = new TidemarkDataSource(
    settings as unknown as DataSourceInstanceSettings<TidemarkOptions>,
    fakeTemplateSrv(variables)
  );
  const getResource = jest.spyOn(datasource, 'getResource').mockImplementation((path, params) => {
    const other = others?.[path];
    if (other) {
      return Promise.resolve(other(params as Record<string, unknown>));
    }
    const answer = path === 'rollups' ? rollups : (values ?? { values: [], truncated: false });
    if (answer instanceof Error) {
      return Promise.reject(answer);
    }
    return Promise.resolve(path === 'rollups' ? { rollups: answer } : answer);
  });
  return { datasource, getResource };
}
