import { choose } from './editor';
import { expect, test } from './test';

test('a variable lists the values of a dimension', async ({ page, source, variableEditPage }) => {
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(source.name);
  const form = page.getByRole('main');
  await choose(page, form, /^Rollup /, /^host_processes/);
  await choose(page, form, /^Dimension /, /^process$/);
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(['tidemark']);

  await form.getByRole('textbox', { name: 'Matching' }).fill('no-such-process');
  await page.keyboard.press('Enter');
  await variableEditPage.runQuery();
  await expect(page.getByText('tidemark', { exact: true })).toHaveCount(0);
});

test('a variable lists rollups and what they have', async ({ page, source, variableEditPage }) => {
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(source.name);
  const form = page.getByRole('main');
  await choose(page, form, /^List /, /^Rollups/);
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(source.rollups.map(({ name }) => name).sort());
  await choose(page, form, /^List /, /^Measures/);
  await choose(page, form, /^Rollup /, /^host_activity/);
  await variableEditPage.runQuery();
  const { measures } = source.rollups.find(({ name }) => name === 'host_activity')!;
  await expect(variableEditPage).toDisplayPreviews(measures);
});
