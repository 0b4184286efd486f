import {
  type DataFrameJSON,
  isLiveChannelMessageEvent,
  isLiveChannelStatusEvent,
  type LiveChannelAddress,
  LiveChannelConnectionState,
  type LiveChannelEvent,
  LiveChannelEventType,
  LiveChannelScope,
  type QueryResultMetaNotice,
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
import { errorMessage } from '../errors';
import { type Row, Rows } from './rows';

/** How long a connection may take until it is said that there is none, ms. */
const PATIENCE_MS = 5_000;
/** The first and the longest wait before a channel that was closed is opened again, ms. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

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

/** What a message tells besides rows: the times between which the stream knows of every event, and where it is from. */
export interface LiveInfo {
  /** RFC 3339, or ms. */
  from?: string | number;
  through?: string | number;
  source?: string;
}

/** What a channel has told so far. */
export interface LiveState {
  rows: readonly Row[];
  notices: QueryResultMetaNotice[];
  info?: LiveInfo;
  /** Whether changes are told at present. */
  current: boolean;
  /** Why there are no live values at present. */
  failure?: string;
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

/** Reads the events of a channel. */
export class Reader {
  private readonly rows = new Rows();
  private notices: QueryResultMetaNotice[] = [];
  private info?: LiveInfo;
  private connected = false;
  private told = false;
  private failure?: string;
  private attempts = 0;

  state(): LiveState {
    const { notices, info, failure } = this;
    return { rows: this.rows.all, notices, info, failure, current: this.connected && this.told };
  }

  begin(): void {
    this.connect(false);
    this.failure = undefined;
    this.attempts = 0;
  }

  take(event: LiveChannelEvent<DataFrameJSON>): LiveState {
    if (isLiveChannelMessageEvent(event)) {
      this.connect(true);
      this.read(event.message);
    } else if (isLiveChannelStatusEvent(event)) {
      this.connect(event.state === LiveChannelConnectionState.Connected);
      this.failure = event.error ? reason(event.error) : this.connected ? undefined : this.failure;
      if (event.message) {
        this.read(event.message as DataFrameJSON);
      }
    }
    return this.state();
  }

  end(): LiveState {
    this.connect(false);
    this.failure ??= 'Grafana has closed the channel';
    return this.state();
  }

  silence(): LiveState {
    this.failure ??= 'the browser has no connection to Grafana Live';
    return this.state();
  }

  isConnected(): boolean {
    return this.connected;
  }

  /** How long to wait before the next attempt, ms: ever longer, and not at the same time as other panels. */
  wait(): number {
    const longest = Math.min(RETRY_MS * 2 ** this.attempts++, MAX_RETRY_MS);
    return longest * (0.5 + Math.random() / 2);
  }

  private connect(connected: boolean): void {
    this.connected = connected;
    this.told &&= connected;
  }

  private read(message: DataFrameJSON): void {
    try {
      this.rows.push(message, Date.now());
      const { meta } = message.schema ?? {};
      if (message.schema) {
        this.notices = meta?.notices ?? [];
        this.info = (meta?.custom as { live?: LiveInfo } | undefined)?.live;
      }
      this.told = this.connected;
      this.failure = undefined;
      this.attempts = 0;
    } catch (error) {
      this.failure = `a message cannot be read: ${errorMessage(error)}`;
    }
  }
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

function reason(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === 'string' ? message : errorMessage(error);
}
