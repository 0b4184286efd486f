import { type DataFrame, type DataQueryRequest, type DataQueryResponse, LoadingState } from '@grafana/data';
import { config, DataSourceWithBackend } from '@grafana/runtime';
import { of, type Subscription } from 'rxjs';
import { type TidemarkDataSource } from '../datasource';
import { type TidemarkQuery } from '../types';
import { fakeDataSource, query } from './fixtures';
import { FakeLive, history, lastMinutes, NOW } from './live';

/** What the first frame of an answer says of its stream. */
export const channel = { channel: 'ds/tm/v1/1/abc', data: { interval: 10_000 } };
export const stream = { ...query, read: 'stream' as const };

/** Has each test of a file begin with a data source and a Grafana Live of its own, and end without subscriptions. */
export function setUpPanels() {
  const send = jest.spyOn(DataSourceWithBackend.prototype, 'query');
  let live: FakeLive;
  let datasource: TidemarkDataSource;
  let open: Subscription[] = [];

  beforeEach(() => {
    jest.useFakeTimers({ now: NOW });
    live = new FakeLive();
    ({ datasource } = fakeDataSource());
  });

  afterEach(() => {
    open.forEach((subscription) => subscription.unsubscribe());
    open = [];
    jest.advanceTimersByTime(60_000);
    expect(live.subscribers).toBe(0);
    Object.assign(config, { liveEnabled: true, publicDashboardAccessToken: undefined });
    jest.useRealTimers();
  });

  /** Runs a request as Grafana does, to which the backend gives an answer, and keeps all that is shown. */
  function run(
    data: DataFrame[] = history([-20, -10], [{ values: [1, null] }], channel),
    { targets = [stream], ...more }: Partial<DataQueryRequest<TidemarkQuery>> = {},
    answer: Partial<DataQueryResponse> = {}
  ) {
    send.mockReturnValueOnce(of({ data, state: LoadingState.Done, ...answer }));
    const request = { targets, range: lastMinutes(), timezone: 'utc', ...more } as DataQueryRequest<TidemarkQuery>;
    const shown: DataQueryResponse[] = [];
    const subscription = datasource.query(request).subscribe((response) => shown.push(response));
    open.push(subscription);
    return {
      shown,
      frames: () => (shown.at(-1)?.data ?? []) as DataFrame[],
      subscription,
      stop: () => subscription.unsubscribe(),
    };
  }

  return {
    run,
    live: () => live,
    after: (ms: number) => jest.advanceTimersByTime(ms),
    sent: () => (send.mock.lastCall as [DataQueryRequest<TidemarkQuery>])[0].targets,
  };
}
