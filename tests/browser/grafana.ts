import type { APIRequestContext } from '@playwright/test';

export const PLUGIN = 'tidemark-rollups-datasource';

/** What the data source tells of a rollup, as far as tests look at it. */
export interface Rollup {
  name: string;
  window: string;
  dimensions: string[];
  measures: string[];
  percentiles?: string[] | null;
  conditions: string[];
  distinct?: string[] | null;
}

/** What a test needs to know of the Grafana that it runs against. */
export interface Source {
  uid: string;
  name: string;
  url: string;
  indexPrefix?: string;
  /** All that it has. */
  rollups: Rollup[];
  /** One that has events all the time. */
  rollup: Rollup;
}

/** Reads the data source with the uid TIDEMARK_DATASOURCE, and of it the rollup TIDEMARK_ROLLUP, or the first one. */
export async function findSource(request: APIRequestContext): Promise<Source> {
  const uid = process.env.TIDEMARK_DATASOURCE ?? 'tidemark';
  const answer = await request.get(`/api/datasources/uid/${uid}`);
  if (!answer.ok()) {
    throw new Error(`Grafana has no data source with the uid ${uid}`);
  }
  const { name, url, jsonData } = (await answer.json()) as {
    name: string;
    url: string;
    jsonData: { indexPrefix?: string };
  };
  const listed = await request.get(`/api/datasources/uid/${uid}/resources/rollups`);
  const { rollups } = (await listed.json()) as { rollups: Rollup[] };
  const rollup = rollups.find((one) => one.name === process.env.TIDEMARK_ROLLUP) ?? rollups[0];
  if (!rollup) {
    throw new Error('the data source has no rollups');
  }
  return { uid, name, url, indexPrefix: jsonData.indexPrefix, rollups, rollup };
}

export interface Panel {
  title: string;
  type?: string;
  query: Record<string, unknown>;
  interval?: string;
}

export interface Dashboard {
  /** Its title too. */
  uid: string;
  /** Such as `now-5m`. */
  from?: string;
  panels?: Panel[];
  /** What the variables list, by their names. */
  variables?: Record<string, Record<string, unknown>>;
  /** What the annotations mark, by their names. */
  annotations?: Record<string, Record<string, unknown>>;
}

/** Saves a dashboard with the panels beside each other, and gives its path. */
export async function saveDashboard(request: APIRequestContext, source: Source, wanted: Dashboard): Promise<string> {
  const { uid, from = 'now-15m', panels = [], variables = {}, annotations = {} } = wanted;
  const datasource = { type: PLUGIN, uid: source.uid };
  const dashboard = {
    uid,
    title: uid,
    schemaVersion: 41,
    time: { from, to: 'now' },
    panels: panels.map((panel, i) => ({
      id: i + 1,
      title: panel.title,
      type: panel.type ?? 'timeseries',
      datasource,
      interval: panel.interval,
      gridPos: { x: (i % 2) * 12, y: Math.floor(i / 2) * 10, w: 12, h: 10 },
      targets: [{ refId: 'A', datasource, ...panel.query }],
    })),
    templating: {
      list: Object.entries(variables).map(([name, query]) => ({ name, type: 'query', datasource, query, refresh: 2 })),
    },
    annotations: {
      list: Object.entries(annotations).map(([name, query]) => ({
        name,
        datasource,
        enable: true,
        iconColor: 'orange',
        target: { refId: 'Anno', queryType: 'annotations', ...query },
      })),
    },
  };
  const answer = await request.post('/api/dashboards/db', { data: { dashboard, overwrite: true } });
  if (!answer.ok()) {
    throw new Error(`the dashboard was not saved: ${answer.status()} ${await answer.text()}`);
  }
  return `/d/${uid}`;
}
