import { expect, test } from './test';

const seconds = Number(process.env.TIDEMARK_WATCH_SECONDS ?? 60);

interface Push {
  push?: { channel?: string; pub?: { data?: { schema?: unknown; data?: { values?: number[][] } } } };
}

/** Events of a second that came together, after those of it that had come before. */
interface Arrival {
  second: number;
  before: number;
  count: number;
  at: number;
}

test('how soon the browser has events', async ({ page, source, saveDashboard }) => {
  test.setTimeout((seconds + 120) * 1000);
  const query = { rollup: source.rollup.name, stat: 'count', read: 'stream' };
  const panels = [{ title: 'Live', query, interval: '1s' }];
  const path = await saveDashboard({ uid: 'tidemark-freshness-spec', from: 'now-5m', panels });
  const known = new Map<number, number>();
  const arrivals: Arrival[] = [];
  let begun = Infinity;
  const take = (text: string) => {
    const at = Date.now();
    for (const line of text.split('\n')) {
      if (!line.includes(`ds/${source.uid}/`)) {
        continue;
      }
      const [times, counts] = (JSON.parse(line) as Push).push?.pub?.data?.data?.values ?? [];
      times?.forEach((second, i) => {
        const count = counts?.[i] ?? 0;
        const before = known.get(second) ?? 0;
        known.set(second, Math.max(before, count));
        if (count > before && second > begun) {
          arrivals.push({ second, before, count: count - before, at });
        }
      });
    }
  };
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => take(payload.toString())));
  await page.goto(path);
  await expect.poll(() => known.size, { message: 'seconds that came over the websocket' }).toBeGreaterThan(3);
  begun = Date.now();
  await page.waitForTimeout(seconds * 1000);

  // The events of a second are taken to be evenly spread in it, and to come in their order.
  const delays = arrivals
    .flatMap(({ second, before, count, at }) => {
      const whole = known.get(second) ?? count;
      return Array.from({ length: count }, (_, i) => at - second - (1000 * (before + i + 0.5)) / whole);
    })
    .sort((a, b) => a - b);
  expect(delays.length).toBeGreaterThan(0);
  const share = (p: number) => Math.round(delays[Math.min(Math.floor(p * delays.length), delays.length - 1)] ?? 0);
  test.info().annotations.push({ type: 'freshness', description: `p50 ${share(0.5)} ms, p99 ${share(0.99)} ms` });
  process.stdout.write(
    `${delays.length} events in ${seconds} s: p50 ${share(0.5)} ms, p90 ${share(0.9)} ms, p99 ${share(0.99)} ms, last ${share(1)} ms\n`
  );
});
