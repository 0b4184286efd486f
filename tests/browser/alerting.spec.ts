import type { APIRequestContext } from '@playwright/test';

import { choose } from './editor';
import { expect, test as base } from './test';

/** A rule, as it is written. */
interface Rule {
  uid: string;
  title: string;
  provenance: string;
  data: Array<{ model: { rollup?: string } }>;
}

/** What came of a rule. */
interface Outcome {
  uid: string;
  name: string;
  health: string;
  lastError?: string;
  lastEvaluation: string;
}

interface Fixtures {
  /** The rules that come from files and ask for rollups. */
  provisioned: Rule[];
  /** The name of a folder for rules. It is removed after the test, with what is in it. */
  folder: string;
}

const test = base.extend<Fixtures>({
  provisioned: async ({ request }, run) => {
    const answer = await request.get('/api/v1/provisioning/alert-rules');
    const all = (await answer.json()) as Rule[];
    await run(all.filter(({ provenance, data }) => provenance === 'file' && rollupsOf(data).length > 0));
  },

  folder: async ({ request }, run) => {
    const folder = { uid: 'tidemark-alerting-spec', title: 'Tidemark alerting spec' };
    const answer = await request.post('/api/folders', { data: folder });
    expect(answer.ok(), await answer.text()).toBe(true);
    await run(folder.title);
    await request.delete(`/api/folders/${folder.uid}?forceDeleteRules=true`);
  },
});

function rollupsOf(data: Rule['data']): string[] {
  return data.flatMap(({ model }) => model.rollup ?? []);
}

async function outcomes(request: APIRequestContext): Promise<Outcome[]> {
  const answer = await request.get('/api/prometheus/grafana/api/v1/rules');
  const { data } = (await answer.json()) as { data: { groups: Array<{ rules: Outcome[] }> } };
  return data.groups.flatMap(({ rules }) => rules);
}

test('the rules from files are listed and evaluated', async ({ page, request, source, provisioned }) => {
  await page.goto('/alerting/list?search=type:alerting');
  await page.getByRole('button', { name: 'Expand all' }).click();
  expect(provisioned.length, 'rules of provisioning/alerting').toBeGreaterThan(0);
  for (const { uid, title, data } of provisioned) {
    await expect
      .poll(async () => (await outcomes(request)).find((one) => one.uid === uid)?.lastEvaluation, {
        message: `when ${title} was evaluated`,
        timeout: 90_000,
      })
      .toMatch(/^20/);
    const isKept = rollupsOf(data).every((wanted) => source.rollups.some(({ name }) => name === wanted));
    const outcome = (await outcomes(request)).find((one) => one.uid === uid);
    expect.soft(outcome?.health, `${title}: ${outcome?.lastError}`).toMatch(isKept ? /^(ok|nodata)$/ : /^error$/);
    await expect.soft(page.getByText(title)).toBeVisible();
  }
});

test('a rule is made from the data source', async ({ page, request, source, alertRuleEditPage, folder }) => {
  const name = 'Made by a test';
  await alertRuleEditPage.alertRuleNameField.fill(name);
  const { datasource, locator: row } = await alertRuleEditPage.getQueryRow();
  await datasource.set(source.name);
  await choose(page, row, 'from rollup', /^host_activity/);
  await expect(row.getByRole('radio', { name: 'Sealed' })).toBeChecked();
  await expect(row.getByRole('radio', { name: 'Live stream' })).toBeDisabled();
  expect((await alertRuleEditPage.evaluate()).ok(), 'the preview').toBe(true);

  await page.getByRole('button', { name: /select folder/i }).click();
  await page.getByRole('treeitem', { name: folder }).click();
  await page.getByRole('button', { name: 'New evaluation group' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByTestId('data-testid alert-rule new-evaluation-group-name').fill('spec');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await page.getByTestId('contact-point-picker').getByRole('combobox').click();
  await page.getByRole('option', { name: 'tidemark-mail' }).click();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect
    .poll(async () => (await outcomes(request)).find((one) => one.name === name)?.health, { timeout: 90_000 })
    .toBe('ok');
});

test('a rule that is made of a panel reads sealed', async ({ page, saveDashboard }) => {
  const query = { rollup: 'host_activity', stat: 'avg', measure: 'cpu' };
  const path = await saveDashboard({ uid: 'tidemark-alerting-spec', panels: [{ title: 'Load', query }] });
  // Grafana completes what a dashboard leaves out, and takes that for a change.
  const discard = page.getByRole('dialog', { name: 'Unsaved changes' }).getByRole('button', { name: 'Discard' });
  await page.addLocatorHandler(discard, () => discard.click());
  await page.goto(`${path}?editPanel=1`);
  await expect(page.getByRole('radio', { name: 'Live', exact: true })).toBeChecked();
  await page.getByRole('tab', { name: /Alert/ }).click();
  await page.getByRole('button', { name: 'New alert rule' }).click();
  await expect(page.getByRole('combobox', { name: 'from rollup' })).toHaveValue('host_activity');
  await expect(page.getByRole('combobox', { name: 'of measure' })).toHaveValue('cpu');
  await expect(page.getByRole('radio', { name: 'Sealed' })).toBeChecked();
  expect(new URL(page.url()).pathname).toBe('/alerting/new');
});
