import { drawn } from './drawn';
import type { Source } from './grafana';
import { expect, test } from './test';

/** A query of each statistic. */
function queries({ rollups }: Source): Array<Record<string, unknown>> {
  const estimated = [
    ['percentile', 'percentiles'],
    ['distinct', 'distinct'],
  ] as const;
  return [
    { rollup: 'log_writes', stat: 'count' },
    { rollup: 'log_writes', stat: 'rate', groupBy: ['path'] },
    { rollup: 'log_writes', stat: 'bytes', filters: [{ dimension: 'path', op: '!=', values: ['none'] }] },
    { rollup: 'log_writes', stat: 'ratio', condition: 'errors' },
    { rollup: 'host_activity', stat: 'delta', measure: 'memory' },
    { rollup: 'host_activity', stat: 'avg', measure: 'cpu', groupBy: ['host'] },
    { rollup: 'host_activity', stat: 'max', measure: 'memory', movingAverage: 3 },
    { rollup: 'host_activity', stat: 'min', measure: 'memory' },
    { rollup: 'host_processes', stat: 'sum', measure: 'rss', groupBy: ['process'], top: 3, other: true },
    ...estimated.flatMap(([stat, list]) => {
      const rollup = rollups.find((one) => one[list]?.length);
      return rollup ? [{ rollup: rollup.name, stat, measure: rollup[list]?.[0] }] : [];
    }),
  ];
}

const TYPES = ['timeseries', 'stat', 'table', 'barchart', 'piechart', 'heatmap', 'state-timeline'];

test('each statistic is drawn', async ({ page, source, saveDashboard }) => {
  const panels = queries(source).map((query) => ({ title: String(query.stat), query }));
  await page.setViewportSize({ width: 1400, height: 1000 + 200 * panels.length });
  await page.goto(await saveDashboard({ uid: 'tidemark-panel-spec', panels }));
  for (const [i, { title }] of panels.entries()) {
    await expect
      .poll(async () => (await drawn(page, i + 1)).flatMap(({ values }) => values.filter(Number.isFinite)).length, {
        message: `values of ${title}`,
      })
      .toBeGreaterThan(0);
    const panel = page.locator(`[data-viz-panel-key="panel-${i + 1}"]`);
    await expect(panel.locator('canvas').first()).toBeVisible();
    await expect(panel.getByTestId('data-testid Panel status error')).toHaveCount(0);
  }
});

test('top N keeps so many series, and one of all others', async ({ page, saveDashboard }) => {
  const query = { rollup: 'host_processes', stat: 'max', measure: 'rss', groupBy: ['process'], top: 2, other: true };
  const path = await saveDashboard({ uid: 'tidemark-top-spec', panels: [{ title: 'Top', query }] });
  await page.goto(path);
  await expect.poll(async () => (await drawn(page, 1)).length).toBe(3);
});

test('what the rollup does not keep is told in the corner', async ({ page, saveDashboard }) => {
  const query = { rollup: 'log_writes', stat: 'avg', measure: 'no_such_measure' };
  await page.goto(await saveDashboard({ uid: 'tidemark-error-spec', panels: [{ title: 'Wrong', query }] }));
  const corner = page.getByTestId('data-testid Panel status error');
  await corner.hover();
  await expect(page.getByRole('tooltip')).toContainText('no_such_measure');
});

for (const type of TYPES) {
  test(`a ${type} has something to show`, async ({ page, saveDashboard }) => {
    const query = { rollup: 'host_activity', stat: 'avg', measure: 'cpu', groupBy: ['host'] };
    const path = await saveDashboard({ uid: `tidemark-${type}-spec`, panels: [{ title: type, type, query }] });
    await page.goto(path);
    const content = page.getByTestId('data-testid panel content');
    await expect(page.getByLabel('Panel loading bar')).toHaveCount(0);
    await expect(content).not.toContainText(/no data|no .* field|missing/i);
    await expect(content.locator('canvas, svg, [role="grid"]').or(content.getByText(/\d/)).first()).toBeVisible();
  });
}
