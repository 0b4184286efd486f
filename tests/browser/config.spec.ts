import type { Page } from '@playwright/test';

import { PLUGIN } from './grafana';
import { expect, test as base } from './test';

interface Fixtures {
  /** The settings page of a new data source, made as a person makes it. It is removed after the test. */
  settings: Page;
}

const test = base.extend<Fixtures>({
  settings: async ({ page, request }, run) => {
    await page.goto('/connections/datasources/new');
    await page.getByRole('textbox', { name: /filter/i }).fill('Tidemark');
    await page.getByRole('button', { name: /Tidemark/ }).click();
    await page.waitForURL(/\/connections\/datasources\/edit\//);
    await run(page);
    await request.delete(`/api/datasources/uid/${uidOf(page)}`);
  },
});

function uidOf(page: Page): string {
  return new URL(page.url()).pathname.split('/').pop()!;
}

const save = (page: Page) => page.getByRole('button', { name: 'Save & test' });
const result = (page: Page) => page.getByTestId('data-testid Data source settings page Alert');

test('a new data source finds the rollups', async ({ settings: page, source }) => {
  await page.getByRole('textbox', { name: 'Data source connection URL' }).fill(source.url);
  await page.getByRole('textbox', { name: 'Index prefix' }).fill(source.indexPrefix ?? '');
  await save(page).click();
  await expect(result(page)).toContainText(/Cluster .*, plugin /);
  for (const { name } of source.rollups) {
    await expect(result(page)).toContainText(`${name}: sealed up to`);
  }
});

test('an address where nothing answers is told', async ({ settings: page }) => {
  await page.getByRole('textbox', { name: 'Data source connection URL' }).fill('http://127.0.0.1:9');
  await save(page).click();
  await expect(result(page)).toContainText('127.0.0.1:9');
});

test('a sidecar that does not answer is told, and the rollups are found', async ({ settings: page, source }) => {
  await page.getByRole('textbox', { name: 'Data source connection URL' }).fill(source.url);
  await page.getByRole('textbox', { name: 'Index prefix' }).fill(source.indexPrefix ?? '');
  const addresses = page.getByRole('textbox', { name: 'Sidecar addresses' });
  await page.getByRole('button', { name: 'Live stream' }).click();
  await addresses.fill('tidemark-1');
  await expect(page.getByText('tidemark-1 is no address')).toBeVisible();
  await addresses.fill('http://127.0.0.1:9');
  await save(page).click();
  await expect(result(page)).toContainText('Sidecar http://127.0.0.1:9: no live stream');
  await expect(result(page)).toContainText(`${source.rollups[0]!.name}: sealed up to`);
});

test('a key is kept, never shown again, and can be replaced', async ({ settings: page, request }) => {
  const secrets = async () => {
    const answer = await request.get(`/api/datasources/uid/${uidOf(page)}`);
    return (await answer.json()) as { type: string; secureJsonFields: Record<string, boolean> };
  };
  await page.getByRole('textbox', { name: 'Data source connection URL' }).fill('http://elasticsearch.example:9200');
  await page.getByRole('combobox', { name: /Authentication method/i }).click();
  await page.getByRole('option', { name: /API key/ }).click();
  const key = page.getByRole('textbox', { name: /^API key/ });
  await key.fill('c2VjcmV0');
  await expect(page.getByText('The credentials are sent unencrypted')).toBeVisible();
  await save(page).click();
  await expect(key).toBeDisabled();
  await expect(key).toHaveValue('configured');
  expect(await secrets()).toMatchObject({ type: PLUGIN, secureJsonFields: { apiKey: true } });
  expect(JSON.stringify(await secrets())).not.toContain('c2VjcmV0');

  await page.reload();
  await expect(key).toHaveValue('configured');
  await page.getByRole('button', { name: 'Reset' }).click();
  await expect(key).toBeEnabled();
  await expect(key).toHaveValue('');
});
