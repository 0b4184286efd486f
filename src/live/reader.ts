import {
  type DataFrameJSON,
  isLiveChannelMessageEvent,
  isLiveChannelStatusEvent,
  LiveChannelConnectionState,
  type LiveChannelEvent,
  type QueryResultMetaNotice,
} from '@grafana/data';
import { errorMessage } from '../errors';
import { t } from '../i18n';
import { type Row, Rows } from './rows';

/** The first and the longest wait before a channel that was closed is opened again, ms. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/** States in which a status brings a message: what was told before one subscribed. */
const TELLING = [LiveChannelConnectionState.Connected, LiveChannelConnectionState.Pending];

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

  /** The channel is opened. */
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
      if (event.message && !event.error && TELLING.includes(event.state)) {
        this.read(event.message as DataFrameJSON);
      }
    }
    return this.state();
  }

  /** The channel was closed, or refused. */
  end(): LiveState {
    this.connect(false);
    this.failure ??= t('live.closed', 'Grafana has closed the channel');
    return this.state();
  }

  /** The channel is not connected for long. */
  silence(): LiveState {
    this.failure ??= t('live.disconnected', 'the browser has no connection to Grafana Live');
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
      this.failure = t('live.unreadable', 'a message cannot be read: {{reason}}', { reason: errorMessage(error) });
    }
  }
}

function reason(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === 'string' ? message : errorMessage(error);
}
