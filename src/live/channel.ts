import {
  type DataFrameJSON,
  isLiveChannelStatusEvent,
  type LiveChannelAddress,
  LiveChannelConnectionState,
  type LiveChannelEvent,
  LiveChannelEventType,
  LiveChannelScope,
} from '@grafana/data';
import { getGrafanaLiveSrv } from '@grafana/runtime';
import {
  catchError,
  concat,
  connect,
  defer,
  distinctUntilChanged,
  EMPTY,
  map,
  merge,
  type Observable,
  of,
  repeat,
  startWith,
  switchMap,
  takeWhile,
  timer,
} from 'rxjs';
import { type LiveState, type Reader } from './reader';

/** How long a connection may take until it is said that there is none, ms. */
const PATIENCE_MS = 5_000;

/** States in which Grafana does not connect a channel again by itself. */
const OVER: LiveChannelConnectionState[] = [
  LiveChannelConnectionState.Disconnected,
  LiveChannelConnectionState.Shutdown,
  LiveChannelConnectionState.Invalid,
];

/** The channel of a query, as the first frame of its answer names it. */
export interface Channel {
  path: string;
  /** Sent with the subscription; the backend makes the stream from it. */
  data?: unknown;
}

/**
 * Subscribes to a channel of the data source, again and again where it is closed. Never ends, and never fails. The reader
 * keeps what the channel tells, also of an earlier time when it was open.
 */
export function openChannel(uid: string, channel: Channel, reader: Reader): Observable<LiveState> {
  return defer(() => {
    reader.begin();
    const events = defer(() => getGrafanaLiveSrv().getStream<DataFrameJSON>(addressOf(uid, channel))).pipe(
      catchError((error: unknown) => of(failed(error))),
      takeWhile((event) => !isOver(event), true)
    );
    const states = concat(
      events.pipe(map((event) => reader.take(event))),
      defer(() => of(reader.end()))
    ).pipe(repeat({ delay: () => timer(reader.wait()) }), startWith(reader.state()));
    return states.pipe(connect((shared) => merge(shared, silences(shared, reader))));
  });
}

/** The states of a channel that is not connected for long. */
function silences(states: Observable<LiveState>, reader: Reader): Observable<LiveState> {
  return states.pipe(
    map(() => reader.isConnected()),
    distinctUntilChanged(),
    switchMap((connected) => (connected ? EMPTY : timer(PATIENCE_MS).pipe(map(() => reader.silence()))))
  );
}

/** Grafana calls the data source's part of the address `namespace` up to 12.3, and `stream` from 12.4 on. */
function addressOf(uid: string, { path, data }: Channel): LiveChannelAddress {
  const address = { scope: LiveChannelScope.DataSource, namespace: uid, stream: uid, path, data };
  return address;
}

function isOver(event: LiveChannelEvent): boolean {
  return isLiveChannelStatusEvent(event) && OVER.includes(event.state);
}

function failed(error: unknown): LiveChannelEvent<DataFrameJSON> {
  const state = LiveChannelConnectionState.Invalid;
  return { type: LiveChannelEventType.Status, id: '', timestamp: Date.now(), state, error };
}
