import type { Request } from '@playwright/test';

import { drawn } from './drawn';
import { choose } from './editor';
import { expect, test } from './test';

/** What a request asks the backend, without what Grafana adds. */
function asked(request: Request): Record<string, unknown> {
  const { queries } = request.postDataJSON() as { queries: Array<Record<string, unknown>> };
  return queries[0]!;
}

test('a new panel draws the largest at once', async ({ page, source, panelEditPage }) => {
  await panelEditPage.datasource.set(source.name);
  const row = panelEditPage.getQueryEditorRow('A');
  await expect(row.getByRole('combobox', { name: 'Show statistic' })).toHaveValue('Count');
  await expect(row.getByRole('combobox', { name: 'from rollup' })).not.toHaveValue('');
  await expect(row.getByRole('textbox', { name: 'Top series' })).toHaveValue('10');
  await expect.poll(async () => (await drawn(page, 1)).flatMap(({ values }) => values).length).toBeGreaterThan(0);
  await expect(panelEditPage.panel.locator.locator('canvas').first()).toBeVisible();
});

test('another rollup keeps what fits', async ({ page, source, saveDashboard, gotoPanelEditPage }) => {
  const query = {
    rollup: 'log_writes',
    stat: 'avg',
    measure: 'offset',
    groupBy: ['host', 'path'],
    filters: [{ dimension: 'path', op: '!=', values: ['none'] }],
    top: 3,
  };
  await saveDashboard({ uid: 'tidemark-editor-spec', panels: [{ title: 'Edited', query }] });
  const editor = await gotoPanelEditPage({ dashboard: { uid: 'tidemark-editor-spec' }, id: '1' });
  const row = editor.getQueryEditorRow('A');
  const request = editor.waitForQueryDataRequest((sent) => asked(sent).rollup === 'host_activity');
  await choose(page, row, 'from rollup', /^host_activity/);
  const measure = source.rollups.find(({ name }) => name === 'host_activity')!.measures[0];
  expect(asked(await request)).toMatchObject({ stat: 'avg', measure, groupBy: ['host'], filters: [], top: 3 });
  await expect(row.getByRole('combobox', { name: 'Show statistic' })).toHaveValue('Average');
});

test('a filter by a value from the menu, and the top series', async ({ page, saveDashboard, gotoPanelEditPage }) => {
  const query = { rollup: 'host_processes', stat: 'max', measure: 'rss', groupBy: ['process'] };
  await saveDashboard({ uid: 'tidemark-editor-spec', panels: [{ title: 'Edited', query }] });
  const editor = await gotoPanelEditPage({ dashboard: { uid: 'tidemark-editor-spec' }, id: '1' });
  const row = editor.getQueryEditorRow('A');

  await row.getByRole('button', { name: 'Add a filter' }).click();
  await choose(page, row, 'where dimension of filter 1', 'process');
  await row.getByRole('combobox', { name: 'values of filter 1' }).click();
  const option = page.getByRole('option').first();
  const [name, count] = (await option.innerText()).split('\n');
  expect(count, 'how many events have the value').toMatch(/\d/);
  const filtered = editor.waitForQueryDataRequest();
  await option.click();
  expect(asked(await filtered)).toMatchObject({ filters: [{ dimension: 'process', op: '=', values: [name] }] });
  await page.keyboard.press('Escape');
  await expect.poll(async () => (await drawn(page, 1)).length).toBe(1);

  await row.getByRole('button', { name: 'Remove filter 1' }).click();
  await row.getByRole('textbox', { name: 'Top series' }).fill('2');
  await page.keyboard.press('Enter');
  await expect.poll(async () => (await drawn(page, 1)).length).toBe(2);
  await row.getByRole('switch', { name: 'and other series as one' }).check({ force: true });
  await expect.poll(async () => (await drawn(page, 1)).length).toBe(3);
});

test('the sentence is written with the keyboard only', async ({ page, saveDashboard, gotoPanelEditPage }) => {
  const query = { rollup: 'host_activity', stat: 'count' };
  await saveDashboard({ uid: 'tidemark-editor-spec', panels: [{ title: 'Edited', query }] });
  const editor = await gotoPanelEditPage({ dashboard: { uid: 'tidemark-editor-spec' }, id: '1' });
  const row = editor.getQueryEditorRow('A');
  const statistic = row.getByRole('combobox', { name: 'Show statistic' });
  // What a field has is selected when it is reached by Tab. Grafana takes the focus while it still draws its options.
  await expect(async () => {
    await statistic.focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Tab');
    await expect(statistic).toBeFocused({ timeout: 1000 });
  }).toPass();
  await page.keyboard.type('Aver');
  await expect(page.getByRole('option')).toHaveText([/^Average/]);
  await page.keyboard.press('Enter');
  const measure = row.getByRole('combobox', { name: 'of measure' });
  await expect(measure).toHaveValue('cpu');
  await page.keyboard.press('Tab'); // to what explains the field
  await page.keyboard.press('Tab');
  await expect(measure).toBeFocused();
  await page.keyboard.type('memory');
  await expect(page.getByRole('option')).toHaveText([/^memory/]);
  const request = editor.waitForQueryDataRequest((sent) => asked(sent).measure === 'memory');
  await page.keyboard.press('Enter');
  expect(asked(await request)).toMatchObject({ stat: 'avg', measure: 'memory' });
});

test('a query is written as JSON, and runs once nothing is wrong', async ({
  page,
  saveDashboard,
  gotoPanelEditPage,
}) => {
  const query = { rollup: 'host_activity', stat: 'count' };
  await saveDashboard({ uid: 'tidemark-editor-spec', panels: [{ title: 'Edited', query }] });
  const editor = await gotoPanelEditPage({ dashboard: { uid: 'tidemark-editor-spec' }, id: '1' });
  const row = editor.getQueryEditorRow('A');
  await expect(row.getByText(/sealed up to/)).toBeVisible();
  await row.getByRole('radio', { name: 'Code' }).check({ force: true });

  const rewrite = async (text: string) => {
    await row.locator('.monaco-editor .view-lines').click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(text);
    await page.keyboard.press('ControlOrMeta+Enter');
  };
  await rewrite('{"rollup": "host_activity", "stat": "mean"}');
  await expect(row.getByRole('list', { name: 'What is wrong' })).toContainText('"stat" must be one of');
  const request = editor.waitForQueryDataRequest((sent) => asked(sent).stat === 'avg');
  await rewrite('{"rollup": "host_activity", "stat": "avg", "measure": "cpu"}');
  expect(asked(await request)).toMatchObject({ stat: 'avg', measure: 'cpu' });
  await expect(row.getByRole('list', { name: 'What is wrong' })).toHaveCount(0);
  await row.getByRole('radio', { name: 'Builder' }).check({ force: true });
  await expect(row.getByRole('combobox', { name: 'Show statistic' })).toHaveValue('Average');
});
