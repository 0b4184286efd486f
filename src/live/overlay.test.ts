import { type DataFrame, type DataFrameJSON } from '@grafana/data';
import { at, history, message, NOW, points, texts } from '../test/live';
import { overlay } from './overlay';
import { type LiveState } from './reader';
import { Rows } from './rows';

const span = { from: at(0), to: at(60) };

function state(messages: DataFrameJSON[], more: Partial<LiveState> = {}): LiveState {
  const rows = new Rows();
  messages.forEach((told) => rows.push(told, NOW));
  return { rows: rows.all, notices: [], current: true, ...more };
}

function laidOver(frames: DataFrame[], live: LiveState, within = span, asked = NOW) {
  return overlay({ frames, asked }, live, within);
}

test('live points follow those of the history without a gap and without a point twice', () => {
  const frames = history([0, 10, 20, 30], [{ values: [1, 2, 3, null] }]);
  const [frame] = laidOver(frames, state([message([20, 30, 40], [{ values: [33, 4, 5] }])]));
  expect(points(frame)).toEqual([
    [0, 1],
    [10, 2],
    [20, 33],
    [30, 4],
    [40, 5],
  ]);
  expect(frame).toMatchObject({ refId: 'A', length: 5 });
  expect(points(frames[0])).toHaveLength(4);
});

test('a time that only the rows have stands between those of the history', () => {
  const frames = history([0, 20], [{ values: [1, 3] }]);
  const [frame] = laidOver(frames, state([message([10], [{ values: [2] }])]));
  expect(points(frame)).toEqual([
    [0, 1],
    [10, 2],
    [20, 3],
  ]);
});

test('where a row has no value, the history keeps its own', () => {
  const frames = history([0, 10], [{ values: [1, null] }]);
  const [frame] = laidOver(frames, state([message([0, 10, 20], [{ values: [null, null, null] }])]));
  expect(points(frame)).toEqual([
    [0, 1],
    [10, null],
    [20, null],
  ]);
});

test('only points that overlap the span are shown', () => {
  const frames = history([-20, -10, 0, 10], [{ values: [1, 2, 3, 4] }]);
  const live = state([message([-30, -10, 10, 20, 60, 70], [{ values: [11, 12, 14, 15, 16, 17] }])]);
  expect(points(laidOver(frames, live, { from: at(-5), to: at(60) })[0])).toEqual([
    [-10, 12],
    [0, 3],
    [10, 14],
    [20, 15],
  ]);
});

describe('series', () => {
  const one = { labels: { host: 'a', path: '/' } };
  const two = { labels: { host: 'b', path: '/' } };
  const three = { labels: { host: 'c', path: '/' }, config: { displayNameFromDS: 'third' } };

  test('are found by their name and labels, in any order', () => {
    const frames = history(
      [0, 10],
      [
        { ...one, values: [1, null] },
        { ...two, values: [2, null] },
      ]
    );
    const other = { labels: { path: '/', host: 'a' } };
    const [first, second] = laidOver(
      frames,
      state([
        message(
          [10],
          [
            { ...two, values: [22] },
            { ...other, values: [11] },
          ]
        ),
      ])
    );
    expect(points(first)[1]).toEqual([10, 11]);
    expect(points(second)[1]).toEqual([10, 22]);
  });

  test('that are new come last, along the same times', () => {
    const frames = history([0, 10], [{ ...one, values: [1, null] }], { tier: '10s' });
    const messages = [
      message([10], [{ ...one, values: [11] }]),
      message(
        [20],
        [
          { ...three, values: [5] },
          { ...one, values: [12] },
        ]
      ),
      message(
        [30],
        [
          { ...two, values: [6] },
          { ...one, values: [13] },
        ]
      ),
    ];
    const [first, second, third, ...others] = laidOver(frames, state(messages));
    expect(others).toEqual([]);
    expect(points(first).map(([, value]) => value)).toEqual([1, 11, 12, 13]);
    expect(second).toMatchObject({ refId: 'A', meta: { custom: { tier: '10s' } } });
    expect(second?.fields[1]).toMatchObject(three);
    expect(points(second)).toEqual([
      [0, null],
      [10, null],
      [20, 5],
      [30, null],
    ]);
    expect(points(third).at(-1)).toEqual([30, 6]);
    expect(third?.fields[0]?.values).toBe(first?.fields[0]?.values);
  });

  test('that have no value within the span are left out', () => {
    const live = state([
      message(
        [-60, 0],
        [
          { ...one, values: [1, 1] },
          { ...two, values: [2, null] },
        ]
      ),
    ]);
    expect(laidOver(history([0], [{ ...one, values: [1] }]), live)).toHaveLength(1);
  });

  test('of a query that had none take over what the answer says', () => {
    const frames = history([], []);
    frames[0]!.meta!.notices = [{ severity: 'info', text: 'of the history' }];
    const all = laidOver(frames, state([message([0, 10], [{ ...one, values: [1, 2] }])]));
    expect(all).toHaveLength(1);
    expect(points(all[0])).toEqual([
      [0, 1],
      [10, 2],
    ]);
    expect(texts(all[0])).toEqual(['of the history']);
  });

  test('are none where neither has any', () => {
    expect(laidOver(history([], []), state([]))).toMatchObject([{ fields: [] }]);
  });
});

describe('a point that both have', () => {
  const tidemark = new Date(at(20)).toISOString();
  const value = (more: Partial<LiveState>, asked = NOW + 1) => {
    const frames = history([0, 10, 20], [{ values: [1, 2, 3] }], { tidemark });
    return points(laidOver(frames, state([message([0, 10, 20], [{ values: [11, 12, 13] }])], more), span, asked)[0]);
  };
  const values = (...args: Parameters<typeof value>) => value(...args).map(([, shown]) => shown);

  test.each<[string, Partial<LiveState>, number, number[]]>([
    ['is live while the stream tells every change', { info: { from: at(0) } }, NOW + 1, [11, 12, 13]],
    ['is of a later answer where nobody knows what the stream tells', {}, NOW + 1, [1, 2, 13]],
    ['is of a later answer where the stream is lost and the point sealed', { current: false }, NOW + 1, [1, 2, 13]],
    ['is live where the answer is from before', { current: false }, NOW, [11, 12, 13]],
    ['is of a later answer where the stream tells no more of it', { info: { from: at(10) } }, NOW + 1, [1, 12, 13]],
    [
      'is so with a time in text',
      { info: { from: new Date(at(10)).toISOString(), through: at(30) } },
      NOW + 1,
      [1, 12, 13],
    ],
  ])('%s', (_, more, asked, expected) => {
    expect(values(more, asked)).toEqual(expected);
  });
});

test('notices of the stream follow those of the answer, each once, and the reason of a failure', () => {
  const frames = history([0], [{ values: [1] }], { channel: 'ds/tm/v1/1/a', data: {}, tier: '10s' });
  frames[0]!.meta!.notices = [{ severity: 'info', text: 'of the history' }];
  const info = { from: at(0), through: at(10), source: 'sidecar' };
  const notices = ['of the stream', 'of the history'].map((text) => ({ severity: 'info' as const, text }));
  const [frame] = laidOver(frames, state([], { notices, info, failure: 'gone' }));
  expect(texts(frame)).toEqual(['of the history', 'of the stream', expect.stringMatching(/newest values .*: gone$/)]);
  expect(frame?.meta?.custom).toEqual({ bucketMs: 10_000, read: 'stream', tier: '10s', live: info });
});

describe('whatever is told in whatever order', () => {
  const hosts = ['a', 'b', 'c', 'd'];

  /** Numbers from 0 up to a limit, the same ones for a seed. */
  function random(seed: number) {
    let state = seed + 1;
    return (limit: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % limit;
    };
  }

  function check(seed: number) {
    const next = random(seed);
    const list = <T>(length: number, of: (i: number) => T) => Array.from({ length }, (_, i) => of(i));
    const values = (length: number) => list(length, () => (next(4) === 0 ? null : next(100)));
    const some = () => hosts.filter(() => next(3) > 0);
    const old = some();
    const times = old.length > 0 ? list(next(12), (i) => i * 10 - 20) : [];
    const series = old.map((host) => ({ labels: { host }, values: values(times.length) }));

    const model = new Map<number, Map<string, number | null>>();
    const messages = list(next(8), () => {
      const told = [...new Set(list(next(5) + 1, () => next(12) * 10 - 20))];
      const all = some().map((host) => ({ labels: { host }, values: values(told.length) }));
      told.forEach((time, i) => model.set(time, new Map(all.map((one) => [one.labels.host, one.values[i]!]))));
      return message(told, all);
    });

    const frames = laidOver(history(times, series), state(messages)).filter(({ fields }) => fields.length > 0);
    const within = [...new Set([...times, ...model.keys()])].filter((time) => time > -10 && time < 60);
    const value = (host: string, time: number) =>
      model.get(time)?.get(host) ?? series[old.indexOf(host)]?.values[times.indexOf(time)] ?? null;
    const added = hosts.filter((host) => !old.includes(host) && within.some((time) => value(host, time) !== null));
    const shown = frames.map((frame) => frame.fields[1]?.labels?.host ?? '');
    expect(shown.slice(0, old.length)).toEqual(old);
    expect(shown.slice(old.length).sort()).toEqual(added);
    within.sort((a, b) => a - b);
    frames.forEach((frame, i) => expect(points(frame)).toEqual(within.map((time) => [time, value(shown[i]!, time)])));
  }

  test('each point is there once, as it was told last', () => {
    for (let seed = 0; seed < 500; seed++) {
      check(seed);
    }
  });
});
