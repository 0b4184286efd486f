import type { Locator, Page } from '@playwright/test';

/** Opens a menu of an editor by its name, and chooses one of its lines. */
export async function choose(page: Page, root: Locator, field: string | RegExp, option: string | RegExp) {
  await root.getByRole('combobox', { name: field }).click();
  await page.getByRole('option', { name: option }).first().click();
}
