import {
  createDataFrame,
  type DataFrame,
  type DataFrameJSON,
  dateTime,
  type FieldConfig,
  FieldType,
  type Labels,
  type LiveChannelAddress,
  LiveChannelConnectionState,
  type LiveChannelEvent,
  LiveChannelEventType,
  type QueryResultMetaNotice,
} from '@grafana/data';
import { type GrafanaLiveSrv, setGrafanaLiveSrv } from '@grafana/runtime';
import { Observable, Subject } from 'rxjs';
import { type LiveInfo } from '../live/reader';

/** The time that tests begin at, ms. */
export const NOW = Date.parse('2026-01-01T12:00:00Z');

/** The time so many seconds after it, ms. */
export const at = (seconds: number) => NOW + seconds * 1000;

export interface SeriesValues {
  name?: string;
  labels?: Labels;
  config?: FieldConfig;
  values: Array<number | null>;
}

/** The answer to a query, a frame a series; the times are in seconds after the beginning. */
export function history(times: number[], series: SeriesValues[], custom: object = {}): DataFrame[] {
  const meta = { custom: { bucketMs: 10_000, read: 'stream', ...custom } };
  const frames = series.map(({ name = 'count', labels, config = {}, values }) =>
    createDataFrame({
      refId: 'A',
      meta,
      fields: [
        { name: 'time', type: FieldType.time, values: times.map(at) },
        { name, labels, config, type: FieldType.number, values },
      ],
    })
  );
  return frames.length > 0 ? frames : [createDataFrame({ refId: 'A', meta, fields: [] })];
}

/** A message of the stream, with a row a time. */
export function message(
  times: number[],
  series: SeriesValues[],
  live?: LiveInfo,
  notices?: QueryResultMetaNotice[]
): DataFrameJSON {
  return {
    schema: {
      meta: { custom: { live }, notices },
      fields: [
        { name: 'time', type: FieldType.time },
        ...series.map(({ name = 'count', labels, config }) => ({ name, labels, config, type: FieldType.number })),
      ],
    },
    data: { values: [times.map(at), ...series.map(({ values }) => values)] },
  };
}

/** The points of a frame: seconds after the beginning, and the value. */
export function points(frame: DataFrame | undefined): Array<[number, unknown]> {
  const [time, value] = frame?.fields ?? [];
  return (time?.values ?? []).map((ms: number, i) => [(ms - NOW) / 1000, (value?.values as unknown[])[i]]);
}

export const texts = (frame: DataFrame | undefined) => frame?.meta?.notices?.map(({ text }) => text) ?? [];

/** The last five minutes. */
export const lastMinutes = (minutes = 5) => ({
  from: dateTime(at(-minutes * 60)),
  to: dateTime(NOW),
  raw: { from: `now-${minutes}m`, to: 'now' },
});

/** Stands for Grafana Live: tells what tests tell it to. */
export class FakeLive {
  /** The address of every subscription, in order. */
  readonly addresses: LiveChannelAddress[] = [];
  subscribers = 0;
  private events = new Subject<LiveChannelEvent<DataFrameJSON>>();

  constructor() {
    setGrafanaLiveSrv({ getStream: (address: LiveChannelAddress) => this.stream(address) } as GrafanaLiveSrv);
  }

  status(state: LiveChannelConnectionState, more: { error?: unknown; message?: DataFrameJSON } = {}) {
    this.events.next({ type: LiveChannelEventType.Status, id: '', timestamp: Date.now(), state, ...more });
  }

  connect(first?: DataFrameJSON) {
    this.status(LiveChannelConnectionState.Connected, { message: first });
  }

  tell(told: DataFrameJSON) {
    this.events.next({ type: LiveChannelEventType.Message, message: told });
  }

  /** Ends the channel without a word, as Grafana does when it shuts one down. */
  complete() {
    const { events } = this;
    this.events = new Subject();
    events.complete();
  }

  private stream<T>(address: LiveChannelAddress): Observable<LiveChannelEvent<T>> {
    return new Observable((subscriber) => {
      this.addresses.push(address);
      this.subscribers++;
      const state = LiveChannelConnectionState.Pending;
      subscriber.next({ type: LiveChannelEventType.Status, id: '', timestamp: Date.now(), state });
      const subscription = this.events.subscribe(subscriber as never);
      subscription.add(() => this.subscribers--);
      return subscription;
    });
  }
}
