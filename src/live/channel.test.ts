import { LiveChannelConnectionState, LoadingState } from '@grafana/data';
import { config } from '@grafana/runtime';
import { message, points, texts } from '../test/live';
import { setUpPanels } from '../test/panel';

const { Connecting, Disconnected, Invalid } = LiveChannelConnectionState;
const { run, live, after } = setUpPanels();

const warning = /newest values are missing/;

test('a connection that is lost is found again with what was missed', () => {
  const { frames } = run();
  live().connect();
  live().tell(message([-10], [{ values: [2] }]));
  live().status(Connecting);
  after(4000);
  expect(texts(frames()[0])).toEqual([]);
  after(2000);
  expect(texts(frames()[0])).toEqual([expect.stringMatching(/no connection to Grafana Live/)]);
  expect(points(frames()[0])).toContainEqual([-10, 2]);
  after(10_000);
  live().connect(message([-10, 0], [{ values: [2, 3] }]));
  after(250);
  expect(texts(frames()[0])).toEqual([]);
  expect(points(frames()[0])).toContainEqual([0, 3]);
});

test('a connection that does not come up leaves the answer, and says so', () => {
  const { frames } = run();
  after(6000);
  expect(texts(frames()[0])).toEqual([expect.stringMatching(warning)]);
  expect(points(frames()[0])).toHaveLength(2);
});

test.each<[string, () => void, RegExp]>([
  ['is refused', () => live().status(Disconnected), /Grafana has closed the channel$/],
  ['is invalid', () => live().status(Invalid, { error: 'invalid channel address' }), /invalid channel address$/],
  [
    'ends with an old message',
    () => live().status(Disconnected, { message: message([-10], []) }),
    /closed the channel$/,
  ],
  ['ends', () => live().complete(), /Grafana has closed the channel$/],
  ['has an error', () => live().status(Connecting, { error: { code: 100, message: 'internal' } }), /internal$/],
  ['tells what cannot be read', () => live().tell({ data: { values: [[1]] } }), /a message cannot be read: /],
])('a connection that %s leaves the answer with the reason', (_, fail, reason) => {
  const { frames } = run();
  live().connect();
  fail();
  after(250);
  expect(texts(frames()[0])).toEqual([expect.stringMatching(reason)]);
  expect(texts(frames()[0])[0]).toMatch(warning);
  expect(points(frames()[0])).toHaveLength(2);
});

test('a connection that was closed is opened again, ever more seldom while it fails', () => {
  const { frames } = run();
  for (const [within, attempts] of [
    [1000, 2],
    [2000, 3],
    [4000, 4],
  ] as const) {
    live().status(Disconnected);
    after(within / 2 - 1);
    expect(live().addresses).toHaveLength(attempts - 1);
    after(within / 2 + 1);
    expect(live().addresses).toHaveLength(attempts);
  }
  live().connect();
  live().tell(message([-10], [{ values: [2] }]));
  after(250);
  expect(texts(frames()[0])).toEqual([]);
  expect(points(frames()[0])).toContainEqual([-10, 2]);
  live().status(Disconnected);
  after(1000);
  expect(live().addresses).toHaveLength(5);
});

test('a connection is not tried where Grafana Live is switched off', () => {
  config.liveEnabled = false;
  const { shown, frames } = run();
  expect(shown).toMatchObject([{ state: LoadingState.Done }]);
  expect(texts(frames()[0])).toEqual([expect.stringMatching(/switched off/)]);
  expect(live().addresses).toEqual([]);
});
