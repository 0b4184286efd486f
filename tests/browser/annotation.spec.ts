import { choose } from './editor';
import { expect, test } from './test';

test('an annotation marks what is not sealed', async ({ page, source, annotationEditPage }) => {
  await annotationEditPage.datasource.set(source.name);
  await choose(page, page.getByRole('main'), 'of rollup', /^log_writes/);
  const answer = await annotationEditPage.runQuery();
  expect(answer.ok()).toBe(true);
  await expect(page.getByText(/\d+ events?/)).toBeVisible();
});
