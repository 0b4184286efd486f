import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page, Request, TestInfo } from '@playwright/test';

import { boards, isKept, lacking, listsValues, type Board, type BoardPanel } from './boards';
import type { Rollup } from './grafana';
import { expect, test, THEMES } from './test';

const WIDTHS = { wide: 1600, narrow: 600 };

interface Filter {
  dimension: string;
  values: string[];
}

for (const board of boards) {
  test.describe(board.title, () => {
    test.beforeEach(({ source }) => {
      const missing = lacking(board, source.rollups);
      test.skip(missing.length > 0, `the data source has no rollup ${missing.join(', ')}`);
    });

    for (const theme of THEMES) {
      test(`shows every panel, ${theme}`, async ({ page, source }, info) => {
        await page.goto(`/d/${board.uid}?var-datasource=${source.uid}&theme=${theme}`);
        for (const [name, width] of Object.entries(WIDTHS)) {
          await showAll(page, board, width);
          for (const panel of board.panels) {
            await expectShown(page, panel, isKept(board, panel, source.rollups));
          }
          await photograph(page, info, `${board.uid}-${theme}-${name}`);
        }
      });
    }

    test('leads to the other dashboards, and keeps the time', async ({ page, source }) => {
      await page.goto(`/d/${board.uid}?var-datasource=${source.uid}&from=now-37m&to=now`);
      const menu = page.getByRole('button', { name: 'Tidemark dashboards' });
      const others = boards.filter(({ uid }) => uid !== board.uid);
      for (const other of others) {
        await menu.click();
        const answered = page.waitForResponse((answer) => answer.request().headers()['x-dashboard-uid'] === other.uid);
        await page.getByRole('menu').getByRole('link', { name: other.title }).click();
        await expect(page).toHaveURL(new RegExp(`/d/${other.uid}/.*from=now-37m`));
        await expect(page).toHaveURL(new RegExp(`var-datasource=${source.uid}`));
        await answered;
        if (lacking(other, source.rollups).length === 0) {
          await expectNoErrors(page, other, source.rollups);
        }
        await page.goBack();
        await expect(page).toHaveURL(new RegExp(`/d/${board.uid}`));
      }
    });

    const linked = board.panels.find(
      ({ fieldConfig: { defaults } }) => defaults.links && defaults.custom?.drawStyle === 'bars'
    );
    if (linked) {
      test(`a bar of ${linked.title} leads on`, async ({ page, source }) => {
        await page.goto(`/d/${board.uid}?var-datasource=${source.uid}&from=now-15m&to=now`);
        const link = page.getByRole('link', { name: linked.fieldConfig.defaults.links![0]!.title }).first();
        await clickBar(page, linked, link);
        expect(await link.getAttribute('href')).not.toMatch(/\$(?!__all)/);
        await link.click();
        await expect(page).toHaveURL(/\/d\/tidemark-.*from=now-15m.*&var-(host|system|sidecar)=/);
      });
    }

    for (const { name, label, query } of board.templating.list.filter(listsValues)) {
      test(`the variable ${label} narrows the panels`, async ({ page, source }) => {
        await page.goto(`/d/${board.uid}?var-datasource=${source.uid}&refresh=`);
        const control = page
          .getByTestId(`data-testid Dashboard template variables submenu Label ${label}`)
          .locator('..');
        await control.getByRole('combobox').click();
        const option = page.getByRole('option').filter({ hasNotText: /^All$/ }).first();
        const value = await option.innerText();
        const narrowed = page.waitForRequest(
          (sent) => sent.url().includes('/api/ds/query') && filtersBy(sent, query.dimension, value)
        );
        await option.click();
        await page.keyboard.press('Escape');
        await narrowed;
        await expect(page).toHaveURL(new RegExp(`var-${name}=`));
      });
    }
  });
}

function panelWith(page: Page, id: number): Locator {
  return page.locator(`[data-viz-panel-key="panel-${id}"]`);
}

/** Clicks here and there in a panel, until a bar whose end is near shows its link. */
async function clickBar(page: Page, { id }: BoardPanel, link: Locator) {
  const plot = panelWith(page, id).locator('.u-over');
  let tried = 0;
  await expect(async () => {
    const { width, height } = (await plot.boundingBox())!;
    const [x, y] = [0.5 + 0.07 * tried, 0.97 - 0.09 * tried].map((share) => (share + 8) % 1);
    tried++;
    await page.keyboard.press('Escape');
    await plot.click({ position: { x: width * x!, y: height * y! } });
    await expect(link).toBeVisible({ timeout: 500 });
  }).toPass({ intervals: [100] });
}

/** Whether a request asks only for one value of a dimension. */
function filtersBy(request: Request, dimension: string, value: string): boolean {
  const { queries } = request.postDataJSON() as { queries: Array<{ filters?: Filter[] }> };
  return queries.some(({ filters = [] }) =>
    filters.some((filter) => filter.dimension === dimension && filter.values.join() === value)
  );
}

/** Makes the window as high as the page is, since Grafana draws panels only where they are seen. */
async function showAll(page: Page, { panels }: Board, width: number) {
  let height = 1000;
  await expect(async () => {
    await page.setViewportSize({ width, height });
    const missing = (await page.evaluate(() => document.documentElement.scrollHeight)) - height;
    height += missing;
    expect(missing).toBe(0);
    await expect(page.locator('[data-viz-panel-key]')).toHaveCount(panels.length, { timeout: 5000 });
  }).toPass();
}

/** A panel shows data, or what is meant to be said where there is none. What the rollup does not keep is an error. */
async function expectShown(page: Page, { id, title, type, fieldConfig }: BoardPanel, kept: boolean) {
  const panel = panelWith(page, id);
  const content = panel.getByTestId('data-testid panel content');
  await expect(panel.getByLabel('Panel loading bar')).toHaveCount(0);
  const drawn = { timeseries: content.locator('canvas'), table: content.getByRole('gridcell') }[type];
  const told = content.getByText(fieldConfig.defaults.noValue ?? '\0');
  const shown = kept ? (drawn ?? content.getByText(/\S/)).or(told).first() : told;
  await expect.soft(shown, `what ${title} shows`).toBeVisible();
  await expect.soft(content, title).not.toContainText('No data');
  const errors = panel.getByTestId('data-testid Panel status error');
  await expect.soft(errors, `error of ${title}`).toHaveCount(kept ? 0 : 1);
}

/** No panel in view is refused what the data source has. */
async function expectNoErrors(page: Page, board: Board, rollups: Rollup[]) {
  await expect(page.getByLabel('Panel loading bar')).toHaveCount(0);
  for (const panel of board.panels.filter((one) => isKept(board, one, rollups))) {
    const errors = panelWith(page, panel.id).getByTestId('data-testid Panel status error');
    await expect.soft(errors, `error of ${panel.title} in ${board.title}`).toHaveCount(0, { timeout: 1000 });
  }
}

/** Keeps a picture of the whole page in the folder that TIDEMARK_SCREENSHOTS names, or with the test's output. */
async function photograph(page: Page, info: TestInfo, name: string) {
  const folder = process.env.TIDEMARK_SCREENSHOTS ?? info.outputPath();
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
}
