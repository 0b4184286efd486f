import type { APIRequestContext, Page } from '@playwright/test';

export const PLUGIN = 'tidemark-rollups-datasource';

export interface Rollup {
  name: string;
  window: string;
  dimensions: string[];
}

/** What a test needs to know of the Grafana that it runs against. */
export interface Source {
  uid: string;
  name: string;
  rollup: Rollup;
}

/** Finds a data source of the plugin, and in it the rollup named by TIDEMARK_ROLLUP, or the first one. */
export async function findSource(request: APIRequestContext): Promise<Source> {
  const answer = await request.get('/api/datasources');
  const all = (await answer.json()) as Array<{ uid: string; name: string; type: string }>;
  const source = all.find((one) => one.type === PLUGIN);
  if (!source) {
    throw new Error(`Grafana has no data source of type ${PLUGIN}`);
  }
  const listed = await request.get(`/api/datasources/uid/${source.uid}/resources/rollups`);
  const { rollups } = (await listed.json()) as { rollups: Rollup[] };
  const rollup = rollups.find((one) => one.name === process.env.TIDEMARK_ROLLUP) ?? rollups[0];
  if (!rollup) {
    throw new Error('the data source has no rollups');
  }
  return { uid: source.uid, name: source.name, rollup };
}

export interface Panel {
  title: string;
  type?: string;
  query: Record<string, unknown>;
  interval?: string;
}

/** Saves a dashboard with the panels beside each other, and gives its path. */
export async function saveDashboard(
  request: APIRequestContext,
  source: Source,
  uid: string,
  from: string,
  panels: Panel[]
): Promise<string> {
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
  };
  const answer = await request.post('/api/dashboards/db', { data: { dashboard, overwrite: true } });
  if (!answer.ok()) {
    throw new Error(`the dashboard was not saved: ${answer.status()} ${await answer.text()}`);
  }
  return `/d/${uid}`;
}

/** The points of one series; a value is null where there is none. */
export interface Drawn {
  name: string;
  times: number[];
  values: Array<number | null>;
  notices: string[];
}

/** Reads what a panel draws, as Grafana's panel has it. */
export async function drawn(page: Page, panelId: number): Promise<Drawn[]> {
  return page.evaluate((id) => {
    interface Node {
      state?: { key?: string; data?: { series?: Frame[] }; $data?: Node } & Record<string, unknown>;
      forEachChild?: (visit: (child: Node) => void) => void;
    }
    interface Frame {
      fields: Array<{ type: string; name: string; labels?: Record<string, string>; values: ArrayLike<number | null> }>;
      meta?: { notices?: Array<{ text: string }> };
    }
    const root = (window as unknown as { __grafanaSceneContext?: Node }).__grafanaSceneContext;
    let found: Frame[] | undefined;
    const visit = (node: Node) => {
      if (node.state?.key === `panel-${id}`) {
        let provider = node.state.$data;
        while (provider && !provider.state?.data) {
          provider = provider.state?.$data;
        }
        found = provider?.state?.data?.series;
      }
      node.forEachChild?.(visit);
    };
    if (root) {
      visit(root);
    }
    return (found ?? []).flatMap((frame) => {
      const time = frame.fields.find((field) => field.type === 'time');
      return frame.fields
        .filter((field) => field.type === 'number')
        .map((field) => ({
          name: field.name + JSON.stringify(field.labels ?? {}),
          times: Array.from(time?.values ?? []) as number[],
          values: Array.from(field.values),
          notices: (frame.meta?.notices ?? []).map((notice) => notice.text),
        }));
    });
  }, panelId);
}
