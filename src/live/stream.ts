import { type DataFrame, type DataQueryRequest, type DataQueryResponse, LoadingState } from '@grafana/data';
import { config } from '@grafana/runtime';
import { combineLatest, defer, map, type Observable, of, switchMap, throttleTime } from 'rxjs';
import { isAnnotations } from '../query';
import { type TidemarkQuery } from '../types';
import { type Channel, type LiveState } from './channel';
import { type LiveChannels } from './channels';
import { overlay } from './overlay';
import { presentSpan } from './span';

/** The least time between two pictures of a panel, ms. */
const PICTURE_MS = 250;

/** One key, so that each picture replaces the one before. */
const KEY = 'live';

const SWITCHED_OFF: LiveState = {
  rows: [],
  notices: [],
  current: false,
  failure: "Grafana Live is switched off (max_connections in the section [live] of Grafana's configuration)",
};

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
  { targets, range, timezone }: DataQueryRequest<TidemarkQuery>,
  channels: LiveChannels
): Observable<DataQueryResponse> {
  const streams = new Set(targets.filter((query) => isStream(query) && !query.hide).map(({ refId }) => refId));
  return defer(() => {
    const asked = Date.now();
    return answers.pipe(
      switchMap((answer) => {
        const parts = partsOf(answer.data as DataFrame[], streams);
        if (!parts.some(({ channel }) => channel)) {
          return of(answer);
        }
        const isOn = config.liveEnabled;
        const states = parts.map(({ channel }) =>
          channel ? (isOn ? channels.get(channel) : of(SWITCHED_OFF)) : of(undefined)
        );
        return combineLatest(states).pipe(
          throttleTime(PICTURE_MS, undefined, { leading: true, trailing: true }),
          map((live) => {
            const span = presentSpan(range, timezone);
            const data = parts.flatMap(({ frames }, i) => {
              const state = live[i];
              return state ? overlay({ frames, asked }, state, span) : frames;
            });
            return { ...answer, data, key: KEY, state: isOn ? LoadingState.Streaming : answer.state };
          })
        );
      })
    );
  });
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
  const { channel } = (frame?.meta?.custom ?? {}) as { channel?: Partial<Channel> };
  return typeof channel?.path === 'string' ? { path: channel.path, data: channel.data } : undefined;
}
