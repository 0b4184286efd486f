import type { APIRequestContext } from '@playwright/test';

import { drawn, type Drawn } from './drawn';
import { expect, test } from './test';

// How long the panel is watched. Sidecars and servers may be restarted meanwhile.
const watchSeconds = Number(process.env.TIDEMARK_WATCH_SECONDS ?? 60);
const step = 1000;

// A trace of so many looks would slow the page down.
test.use({ trace: 'off' });

/** Each time is there once, and none is left out. */
function checkTimes(series: Drawn) {
  for (let i = 1; i < series.times.length; i++) {
    expect(
      (series.times[i] ?? 0) - (series.times[i - 1] ?? 0),
      `${series.name}: the time after ${series.times[i - 1]}`
    ).toBe(step);
  }
}

test('a live panel moves, and is true', async ({ page, request, source, saveDashboard }) => {
  test.setTimeout((watchSeconds + 120) * 1000);
  const query = { rollup: source.rollup.name, stat: 'count', read: 'stream' };
  const panels = [
    { title: 'Live by second', query, interval: '1s' },
    { title: 'Live by window', query, interval: source.rollup.window },
  ];
  const path = await saveDashboard({ uid: 'tidemark-live-spec', from: 'now-5m', panels });
  await page.goto(path);
  await expect.poll(async () => (await drawn(page, 1))[0]?.times.length ?? 0).toBeGreaterThan(100);

  const newest: number[] = [];
  const begun = Date.now();
  const steps = [watchSeconds / 3, (2 * watchSeconds) / 3];
  for (let second = 0; second < watchSeconds; second = (Date.now() - begun) / 1000) {
    const [next = Infinity] = steps;
    const due = second >= next;
    if (due) {
      steps.shift();
    }
    if (due && steps.length === 1) {
      await page.getByTestId('data-testid RefreshPicker run button').click();
    }
    if (due && steps.length === 0) {
      await page.goto(`${path}?from=now-2m&to=now`);
      await expect.poll(async () => (await drawn(page, 1))[0]?.times.length ?? 0).toBeGreaterThan(60);
    }
    const [series] = await drawn(page, 1);
    if (series) {
      checkTimes(series);
      newest.push(series.times[series.times.length - 1] ?? 0);
    }
    await page.waitForTimeout(1000);
  }
  expect(newest.length, 'how often the panel was looked at').toBeGreaterThan(watchSeconds / 10);
  expect((newest[newest.length - 1] ?? 0) - (newest[0] ?? 0), 'how far the last point went').toBeGreaterThan(
    (watchSeconds / 2) * 1000
  );

  // What was drawn live is what is sealed in the end.
  const live = await drawn(page, 1);
  const windowMs = Number.parseInt(source.rollup.window, 10) * 1000;
  const points = new Map(live[0]?.times.map((time, i) => [time, live[0]?.values[i] ?? 0]));
  const windows: Array<{ start: number; total: number }> = [];
  const end = Math.max(...points.keys()) - 20_000;
  for (
    let start = Math.ceil(Math.min(...points.keys()) / windowMs) * windowMs;
    start + windowMs <= end;
    start += windowMs
  ) {
    let total = 0;
    for (let at = start; at < start + windowMs; at += step) {
      total += points.get(at) ?? 0;
    }
    windows.push({ start, total });
  }
  expect(windows.length).toBeGreaterThan(3);
  await expect
    .poll(
      async () => {
        const sealed = await askSealed(
          request,
          source.uid,
          query.rollup,
          windows[0]!.start,
          windows[windows.length - 1]!.start + windowMs,
          windowMs
        );
        return windows
          .filter(({ start, total }) => sealed.get(start) !== total)
          .map(({ start, total }) => `${start}: drawn ${total}, sealed ${sealed.get(start)}`);
      },
      { timeout: 90_000, message: 'windows whose live points do not add up to what is sealed' }
    )
    .toEqual([]);
});

/** The sealed counts by window. */
async function askSealed(
  request: APIRequestContext,
  uid: string,
  rollup: string,
  from: number,
  to: number,
  windowMs: number
) {
  const answer = await request.post('/api/ds/query', {
    data: {
      from: String(from),
      to: String(to),
      queries: [
        {
          refId: 'A',
          datasource: { uid },
          rollup,
          stat: 'count',
          read: 'sealed',
          intervalMs: windowMs,
          maxDataPoints: 5000,
        },
      ],
    },
  });
  const body = (await answer.json()) as { results?: { A?: { frames?: Array<{ data?: { values: number[][] } }> } } };
  const values = body.results?.A?.frames?.[0]?.data?.values ?? [[], []];
  return new Map(values[0]?.map((time, i) => [time, values[1]?.[i] ?? 0]));
}
