import { type DataFrame, dateTime, LoadingState } from '@grafana/data';
import { config } from '@grafana/runtime';
import { query } from '../test/fixtures';
import { at, history, lastMinutes, message, points, texts } from '../test/live';
import { channel, setUpPanels, stream } from '../test/panel';
import { type TidemarkQuery } from '../types';

const { run, live, after, sent } = setUpPanels();

test('shows the answer at once, and then what the channel tells', () => {
  const { shown, frames } = run();
  expect(shown).toMatchObject([{ state: LoadingState.Streaming }]);
  expect(points(frames()[0])).toEqual([
    [-20, 1],
    [-10, null],
  ]);
  live().connect();
  live().tell(message([-10], [{ values: [2] }]));
  after(10_000);
  live().tell(message([0], [{ values: [3] }]));
  after(250);
  expect(points(frames()[0])).toEqual([
    [-20, 1],
    [-10, 2],
    [0, 3],
  ]);
  expect(new Set(shown.map(({ key }) => key))).toEqual(new Set(['live']));
});

test('subscribes once, with what the backend wants to know, in the words of every version of Grafana', () => {
  run();
  run();
  expect(live().addresses).toEqual([
    { scope: 'ds', namespace: 'tm', stream: 'tm', path: 'v1/1/abc', data: channel.data },
  ]);
});

test('what comes with the subscription is shown too', () => {
  const { frames } = run();
  live().connect(message([-10], [{ values: [2] }]));
  after(250);
  expect(points(frames()[0])).toContainEqual([-10, 2]);
});

test('a point that changes later is shown changed', () => {
  const { frames } = run();
  live().tell(message([-20, -10], [{ values: [1, 2] }]));
  after(1000);
  live().tell(message([-20], [{ values: [7] }]));
  after(250);
  expect(points(frames()[0])).toEqual([
    [-20, 7],
    [-10, 2],
  ]);
});

test('is shown four times a second at most, the newest last', () => {
  const { shown, frames } = run();
  after(1000);
  const before = shown.length;
  for (let i = 0; i < 100; i++) {
    live().tell(message([-10], [{ values: [i] }]));
    after(10);
  }
  after(250);
  expect(shown.length - before).toBeLessThanOrEqual(6);
  expect(points(frames()[0])).toContainEqual([-10, 99]);
});

describe('the time range', () => {
  const times = [-60, -50, -40, -30, -20, -10];
  const data = () => history(times, [{ values: [1, 2, 3, 4, 5, 6] }], channel);

  test('moves on with time where it is relative', () => {
    const { frames } = run(data(), { range: lastMinutes(1) });
    expect(points(frames()[0]).map(([time]) => time)).toEqual(times);
    after(30_000);
    live().tell(message([0, 10, 20, 40], [{ values: [7, 8, 9, 11] }]));
    after(250);
    expect(points(frames()[0]).map(([time]) => time)).toEqual([-30, -20, -10, 0, 10, 20]);
  });

  test('stays where it was asked for by its times', () => {
    const range = {
      from: dateTime(at(-60)),
      to: dateTime(at(10)),
      raw: { from: dateTime(at(-60)), to: dateTime(at(10)) },
    };
    const { frames } = run(data(), { range });
    after(30_000);
    live().tell(message([0, 10], [{ values: [7, 8] }]));
    after(250);
    expect(points(frames()[0]).map(([time]) => time)).toEqual([...times, 0]);
  });
});

describe('a refresh', () => {
  test('keeps what was told, without another subscription', () => {
    const first = run();
    live().connect();
    live().tell(message([-10], [{ values: [2] }]));
    first.stop();
    after(3000);
    const { shown, frames } = run();
    expect(points((shown[0]?.data as DataFrame[])[0])).toContainEqual([-10, 2]);
    live().tell(message([-20], [{ values: [9] }]));
    after(250);
    expect(points(frames()[0])).toContainEqual([-20, 9]);
    expect(live().addresses).toHaveLength(1);
  });

  test('that comes late finds what was told, and subscribes again', () => {
    const first = run();
    live().tell(message([-10], [{ values: [2] }]));
    first.stop();
    after(16_000);
    expect(live().subscribers).toBe(0);
    const { frames } = run();
    expect(points(frames()[0])).toContainEqual([-10, 2]);
    expect(live().addresses).toHaveLength(2);
    live().connect(message([-20], [{ values: [9] }]));
    after(250);
    expect(points(frames()[0])).toContainEqual([-20, 9]);
  });

  test('that comes much later begins anew', () => {
    const first = run();
    live().tell(message([-10], [{ values: [2] }]));
    first.stop();
    after(80_000);
    expect(points(run().frames()[0])).toContainEqual([-10, null]);
  });
});

test('leaving a panel while a picture is due shows nothing more', () => {
  const { shown, stop } = run();
  live().tell(message([-10], [{ values: [2] }]));
  stop();
  after(1000);
  expect(shown).toHaveLength(1);
});

test('notices of the stream are those of its last message', () => {
  const { frames } = run();
  const notice = (text: string) => [{ severity: 'info' as const, text }];
  live().tell(message([-10], [{ values: [2] }], { source: 'sidecar' }, notice('one')));
  live().tell(message([-10], [{ values: [2] }], { source: 'polling' }, notice('two')));
  after(250);
  expect(texts(frames()[0])).toEqual(['two']);
  expect(frames()[0]?.meta?.custom?.live).toEqual({ source: 'polling' });
});

describe('queries beside', () => {
  const plain = { ...query, refId: 'B' };
  const other = history([-20], [{ values: [5] }]).map((frame) => ({ ...frame, refId: 'B' }));

  test('are answered with the others, once, in their order', () => {
    const first = history([-10], [{ values: [null] }], channel);
    const { frames } = run([...first, ...other], { targets: [stream, plain] });
    live().tell(message([-10], [{ values: [2] }, { name: 'new', values: [1] }]));
    after(250);
    expect(frames().map(({ refId }) => refId)).toEqual(['A', 'A', 'B']);
    expect(frames()[2]).toBe(other[0]);
    expect(sent().map(({ overlay }) => overlay)).toEqual([true, undefined]);
  });

  test.each<[string, TidemarkQuery, object]>([
    ['a query that reads live', query, channel],
    ['a stream without a channel', stream, {}],
    ['a hidden stream', { ...stream, hide: true }, channel],
    ['annotations', { ...stream, queryType: 'annotations' }, channel],
  ])('%s has the answer alone', (_, target, custom) => {
    const data = history([-10], [{ values: [1] }], custom);
    const { shown, subscription } = run(data, { targets: [target] });
    expect(shown).toEqual([{ data, state: LoadingState.Done }]);
    expect(subscription.closed).toBe(true);
    expect(live().addresses).toEqual([]);
  });

  test('that fail keep their error while others go on', () => {
    const error = { refId: 'B', message: 'no such rollup' };
    const { shown } = run(undefined, { targets: [stream, plain] }, { error, errors: [error] });
    live().tell(message([-10], [{ values: [2] }]));
    after(250);
    expect(shown).toHaveLength(2);
    expect(shown[1]).toMatchObject({ error, errors: [error] });
  });
});

test('panels of mixed data sources, which wait for the end of every answer, have it with the reason', () => {
  const { shown, frames, subscription } = run(undefined, { requestId: 'mixed-0-SQR100' });
  expect(shown).toMatchObject([{ state: LoadingState.Done }]);
  expect(subscription.closed).toBe(true);
  expect(texts(frames()[0])).toEqual([expect.stringMatching(/does not go on by itself: .* Mixed/)]);
  expect(live().addresses).toEqual([]);
});

test('public dashboards have the answer alone', () => {
  config.publicDashboardAccessToken = 'token';
  const { shown } = run();
  expect(shown).toMatchObject([{ state: LoadingState.Done }]);
  expect(live().addresses).toEqual([]);
});
