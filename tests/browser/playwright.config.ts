import { existsSync } from 'node:fs';
import type { PluginOptions } from '@grafana/plugin-e2e';
import { defineConfig } from '@playwright/test';

const url = process.env.GRAFANA_URL;
if (!url) {
  throw new Error(
    'GRAFANA_URL is not set: give the address of a Grafana that has the plugin and a data source of it, such as http://127.0.0.1:3000'
  );
}

// Debian's Chromium where there is one; otherwise what `npx playwright install chromium` has fetched.
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

export default defineConfig<PluginOptions>({
  testDir: '.',
  outputDir: '../../.cache/browser',
  fullyParallel: false,
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  use: {
    baseURL: url,
    trace: 'retain-on-failure',
    actionTimeout: 20_000,
    viewport: { width: 1400, height: 900 },
    launchOptions: existsSync(chromium) ? { executablePath: chromium } : {},
    user: { user: process.env.GRAFANA_USER ?? 'admin', password: process.env.GRAFANA_PASSWORD ?? 'admin' },
  },
});
