import { choose } from './editor';
import { expect, test } from './test';

test('Explore draws what is asked, and remembers it', async ({ page, source, explorePage }) => {
  await explorePage.datasource.set(source.name);
  const row = explorePage.getQueryEditorRow('A');
  await choose(page, row, 'from rollup', /^host_activity/);
  await choose(page, row, 'Show statistic', 'Maximum');
  await explorePage.runQuery();
  await expect(explorePage.timeSeriesPanel.locator.locator('canvas').first()).toBeVisible();
  await page.getByRole('button', { name: /query history/i }).click();
  await expect(page.getByText(/^Maximum of .* from host_activity/).first()).toBeVisible();
});

test('an example is run as it is', async ({ source, explorePage }) => {
  await explorePage.datasource.set(source.name);
  const row = explorePage.getQueryEditorRow('A');
  await expect(row.getByRole('combobox', { name: 'from rollup' })).not.toHaveValue('');
  await row.getByRole('button', { name: 'Show data source help' }).click();
  const example = row.getByRole('list', { name: 'What do you want to know?' }).getByRole('button').first();
  const answer = explorePage.waitForQueryDataResponse();
  await example.click();
  expect((await answer).ok()).toBe(true);
  await expect(explorePage.timeSeriesPanel.locator.locator('canvas').first()).toBeVisible();
});
