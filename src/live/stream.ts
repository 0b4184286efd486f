import {
  type DataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  LoadingState,
  parseLiveChannelAddress,
} from '@grafana/data';
import { config } from '@grafana/runtime';
import { combineLatest, defer, map, type Observable, of, switchMap, throttleTime } from 'rxjs';
import { t } from '../i18n';
import { isAnnotations } from '../query';
import { type TidemarkQuery } from '../types';
import { type Channel } from './channel';
import { type LiveChannels } from './channels';
import { overlay } from './overlay';
import { type LiveState } from './reader';
import { presentSpan } from './span';

/** The least time between two pictures of a panel, ms. */
const PICTURE_MS = 250;

/** One key, so that each picture replaces the one before. */
const KEY = 'live';

/** How Grafana begins the ids of requests of panels whose data source is *Mixed*. It shows their answers when all have ended. */
const MIXED = 'mixed-';

/** The frames of one query of a request, and the channel to follow. */
interface Part {
  frames: DataFrame[];
  channel?: Channel;
}

/** Whether a query asks for the live stream. */
export function isStream(query: Partial<TidemarkQuery>): boolean {
  return query.read === 'stream' && !isAnnotations(query);
}

/** Follows the channels that the answers of a request name, and lays what they tell over the answers. */
export function withLive(
  answers: Observable<DataQueryResponse>,
  request: DataQueryRequest<TidemarkQuery>,
  channels: LiveChannels
): Observable<DataQueryResponse> {
  const { targets, range, timezone } = request;
  const streams = new Set(targets.filter((query) => isStream(query) && !query.hide).map(({ refId }) => refId));
  const obstacle = obstacleOf(request);
  const stateOf = (channel: Channel) => (obstacle ? of(still(obstacle)) : channels.get(channel));
  return defer(() => {
    const asked = Date.now();
    return answers.pipe(
      switchMap((answer) => {
        const parts = partsOf(answer.data as DataFrame[], streams);
        if (!parts.some(({ channel }) => channel)) {
          return of(answer);
        }
        return combineLatest(parts.map(({ channel }) => (channel ? stateOf(channel) : of(undefined)))).pipe(
          throttleTime(PICTURE_MS, undefined, { leading: true, trailing: true }),
          map((states) => {
            const span = presentSpan(range, timezone);
            const data = parts.flatMap(({ frames }, i) => {
              const state = states[i];
              return state ? overlay({ frames, asked }, state, span) : frames;
            });
            return { ...answer, data, key: KEY, state: obstacle ? answer.state : LoadingState.Streaming };
          })
        );
      })
    );
  });
}

/** Why a request can be answered only once. */
function obstacleOf({ requestId }: DataQueryRequest): string | undefined {
  if (!config.liveEnabled) {
    return t(
      'live.disabled',
      "Grafana Live is switched off, by max_connections in the section [live] of Grafana's configuration"
    );
  }
  return requestId?.startsWith(MIXED) ? t('live.mixed', 'panels of the data source Mixed cannot') : undefined;
}

function still(obstacle: string): LiveState {
  const text = t('live.still', 'the panel does not go on by itself: {{obstacle}}', { obstacle });
  return { rows: [], notices: [{ severity: 'warning', text }], current: false };
}

/** Splits an answer by query. The first frame of one that streams names the channel. */
function partsOf(frames: DataFrame[], streams: Set<string>): Part[] {
  const byQuery = new Map<string | undefined, DataFrame[]>();
  for (const frame of frames) {
    byQuery.set(frame.refId, [...(byQuery.get(frame.refId) ?? []), frame]);
  }
  return [...byQuery].map(([refId, own]) => ({
    frames: own,
    channel: refId !== undefined && streams.has(refId) ? channelOf(own[0]) : undefined,
  }));
}

function channelOf(frame: DataFrame | undefined): Channel | undefined {
  const { channel, data } = (frame?.meta?.custom ?? {}) as { channel?: string; data?: unknown };
  const path = parseLiveChannelAddress(channel)?.path;
  return path ? { path, data } : undefined;
}
