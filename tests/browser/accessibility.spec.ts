import type { Locator, Page } from '@playwright/test';

import { expect, test as base, THEMES } from './test';

/** The button in the fields of several choices of @grafana/ui, which has attributes of a button and not the role. */
const NOT_OURS = 'div[id$="-toggle-button"]';

interface Fixtures {
  /** Lets axe look at what is ours on a page: from the field that it begins with to the one that it ends with. */
  expectAccessible: (first: Locator, last: Locator) => Promise<void>;
}

const test = base.extend<Fixtures>({
  expectAccessible: async ({ page, scanForA11yViolations }, run) => {
    await run(async (first, last) => {
      await expect(first).toBeVisible();
      const ours = page.locator('div').filter({ has: first }).filter({ has: last }).last();
      await ours.evaluate((element) => element.setAttribute('data-scanned', ''));
      const found = await scanForA11yViolations({ include: '[data-scanned]', exclude: NOT_OURS });
      expect(found).toHaveNoA11yViolations();
    });
  },
});

const combobox = (page: Page, name: string | RegExp) => page.getByRole('combobox', { name });

const QUERY = {
  rollup: 'log_writes',
  stat: 'ratio',
  condition: 'errors',
  groupBy: ['host'],
  filters: [
    { dimension: 'path', op: '!=', values: ['none'] },
    { dimension: 'host', op: '=~', values: ['.+'] },
  ],
  top: 3,
  lookback: '1d',
};
const VALUES = { kind: 'values', rollup: 'log_writes', dimension: 'path', filters: QUERY.filters };

for (const theme of THEMES) {
  test(`axe finds nothing in the editors of a ${theme} dashboard`, async ({
    page,
    source,
    saveDashboard,
    expectAccessible,
  }) => {
    const path = await saveDashboard({
      uid: 'tidemark-accessibility-spec',
      panels: [{ title: 'Ratio', query: QUERY }],
      variables: { path: VALUES },
      annotations: { Marks: { rollup: 'log_writes' } },
    });
    await test.step('of a query', async () => {
      await page.goto(`${path}?editPanel=1&theme=${theme}`);
      await expectAccessible(combobox(page, 'Show statistic'), page.getByRole('radiogroup', { name: 'Read mode' }));
    });
    await test.step('of a query as JSON', async () => {
      await page.getByRole('radio', { name: 'Code' }).check({ force: true });
      await expect(page.locator('.monaco-editor').first()).toBeVisible();
      await expectAccessible(page.getByRole('radiogroup', { name: 'Editor mode' }), page.getByText(/sealed up to/));
    });
    await test.step('of a query, with its help', async () => {
      await page.getByRole('button', { name: 'Show data source help' }).click();
      const heading = page.getByRole('heading', { name: 'What do you want to know?' });
      await expectAccessible(heading, page.getByRole('list', { name: 'What do you want to know?' }));
    });
    await test.step('of an alert rule', async () => {
      const asked = { refId: 'A', datasourceUid: source.uid, relativeTimeRange: { from: 600, to: 0 } };
      const rule = { queries: [{ ...asked, model: { refId: 'A', ...QUERY, read: 'live' } }] };
      await page.goto(`/alerting/new/alerting?defaults=${encodeURIComponent(JSON.stringify(rule))}&theme=${theme}`);
      await expect(combobox(page, 'Show statistic')).toHaveValue('Ratio');
      await expectAccessible(combobox(page, 'Show statistic'), page.getByRole('radiogroup', { name: 'Read mode' }));
    });
    await test.step('of a variable', async () => {
      await page.goto(`${path}?editview=variables&editIndex=0&theme=${theme}`);
      await expectAccessible(combobox(page, /^List /), page.getByRole('button', { name: 'Add another filter' }));
    });
    await test.step('of an annotation', async () => {
      await page.goto(`${path}?editview=annotations&editIndex=1&theme=${theme}`);
      await expectAccessible(combobox(page, 'Mark what happened'), combobox(page, 'of rollup'));
    });
  });

  test(`axe finds nothing in the ${theme} settings`, async ({ page, source, expectAccessible }) => {
    await page.goto(`/connections/datasources/edit/${source.uid}?theme=${theme}`);
    await page.getByRole('button', { name: 'Additional settings' }).click();
    const address = page.getByRole('textbox', { name: 'Data source connection URL' });
    await expectAccessible(address, page.getByRole('spinbutton', { name: 'Timeout' }));
  });
}
