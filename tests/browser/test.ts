import { expect, test as base } from '@grafana/plugin-e2e';

import { findSource, saveDashboard, type Dashboard, type Source } from './grafana';

export { expect };

export type Theme = 'dark' | 'light';
export const THEMES: Theme[] = ['dark', 'light'];

interface Fixtures {
  /** Logs in for each test, since Grafana replaces what it gives a session by every ten minutes. */
  session: void;
  /** The data source that is tested. */
  source: Source;
  /** Saves a dashboard for the time of the test, and gives its path. */
  saveDashboard: (wanted: Dashboard) => Promise<string>;
}

export const test = base.extend<Fixtures>({
  session: [
    async ({ context, request, user }, run) => {
      for (const client of [context.request, request]) {
        const answer = await client.post('/login', { data: { user: user?.user, password: user?.password } });
        expect(answer.ok(), `log in to Grafana as ${user?.user}`).toBe(true);
      }
      await run();
    },
    { auto: true },
  ],

  source: async ({ request }, run) => run(await findSource(request)),

  saveDashboard: async ({ request, source }, run) => {
    const saved: string[] = [];
    await run((wanted) => {
      saved.push(wanted.uid);
      return saveDashboard(request, source, wanted);
    });
    await Promise.all(saved.map((uid) => request.delete(`/api/dashboards/uid/${uid}`)));
  },
});
