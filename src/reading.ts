import { dateTimeFormat, type PanelData } from '@grafana/data';
import { t } from './i18n';
import { showAge, showLength } from './length';
import { withDefaults } from './query';
import { statistic } from './stat';
import { hasVariable } from './template';
import { type Rollup, type TidemarkQuery } from './types';

/** What the backend tells of how an answer was made, as far as it is shown. */
interface FrameInfo {
  bucketMs: number;
  /** RFC 3339; null while there is none. */
  tidemark: string | null;
  /** The spans of time, in order, that were read from one tier each. */
  segments?: Array<{ tier: string; to: string }>;
  live?: { source: 'sidecar' | 'polling'; through?: string };
}

/** The answer to a query as it is in the editor. */
interface Answer {
  info: FrameInfo;
  /** The distance between points that the panel would like, ms. */
  interval: number;
  timezone?: string;
  /** When the answer came, ms. */
  at: number;
}

/** More than so many spans are not told one by one. */
const MOST_SEGMENTS = 3;

/** What will be read for a query, in words: the unit, the points, the tiers, and how fresh they are. */
export function readingOf(query: TidemarkQuery, rollup?: Rollup, data?: PanelData): string[] {
  const answer = answerOf(query, data);
  return [
    unitOf(query),
    ...(answer ? answerParts(query, answer, rollup) : rollupParts(rollup)),
    groupingOf(query, rollup),
  ].filter((part) => part !== undefined);
}

/** The unit of the values. */
function unitOf({ stat, measure, format }: TidemarkQuery): string | undefined {
  switch (stat) {
    case 'count':
      return format === 'table'
        ? t('reading.count-of-range', 'events in the time range')
        : t('reading.count', 'events in each point');
    case 'rate':
      return t('reading.rate', 'events per second');
    case 'bytes':
      return format === 'table'
        ? t('reading.bytes-of-range', 'bytes in the time range')
        : t('reading.bytes', 'bytes in each point');
    case 'ratio':
      return t('reading.ratio', 'a share: 1 is 100 %');
    case 'distinct':
      return t('reading.distinct', 'different values, with a standard error of 0.8 %');
    case 'percentile':
      return measure && t('reading.percentile', 'in the unit of {{measure}}, give or take 1 %', { measure });
    case 'delta':
      return measure
        ? t('reading.delta', 'rise in the unit of {{measure}}', { measure })
        : t('reading.delta-events', 'events more than in the point before');
    default:
      return measure && statistic(stat).of && t('reading.measure', 'in the unit of {{measure}}', { measure });
  }
}

/** The latest answer, where it is one to this query and not to an earlier one. */
function answerOf(query: TidemarkQuery, data?: PanelData): Answer | undefined {
  const info = data?.series.find(({ meta }) => meta?.custom?.bucketMs)?.meta?.custom as FrameInfo | undefined;
  const { request } = data ?? {};
  const asked = request?.targets.find(({ refId }) => refId === query.refId);
  if (!info || !request || !asked || !readsAlike(query, withDefaults(asked))) {
    return undefined;
  }
  const { intervalMs: interval, timezone, startTime, endTime = startTime } = request;
  return { info, interval, timezone, at: endTime };
}

function readsAlike(a: TidemarkQuery, b: TidemarkQuery): boolean {
  return (
    a.rollup === b.rollup && a.stat === b.stat && a.tier === b.tier && (a.format ?? 'series') === (b.format ?? 'series')
  );
}

function answerParts(query: TidemarkQuery, { info, interval, timezone, at }: Answer, rollup?: Rollup): string[] {
  const { bucketMs, segments = [], tidemark, live } = info;
  const parts = [
    pointsOf(bucketMs, interval, query, rollup),
    tiersOf(segments, (time) => showTime(time, at, timezone)),
  ];
  return [
    ...parts,
    live?.through ? followedTo(live, showTime(live.through, at, timezone)) : sealedTo(tidemark, at, timezone),
  ].filter((part) => part !== '');
}

/** How far points are apart, and why. */
function pointsOf(bucketMs: number, interval: number, { tier, format }: TidemarkQuery, rollup?: Rollup): string {
  if (format === 'table') {
    return t('reading.one-value', 'one value of the whole range');
  }
  const length = showLength(bucketMs);
  if (tier !== 'auto' && !hasVariable(tier)) {
    return t('reading.points-of-tier', 'a point every {{length}}, since tier {{tier}} is chosen', { length, tier });
  }
  // A point can be a quarter longer than the panel wants, where a coarser tier divides it then.
  if (bucketMs <= interval * 1.25) {
    return t('reading.points-of-interval', "a point every {{length}}, as the panel's interval wants", { length });
  }
  if (length === rollup?.window) {
    return t('reading.points-of-window', 'a point every {{length}}, the length of the windows', { length });
  }
  return t('reading.points', 'a point every {{length}}', { length });
}

function tiersOf(segments: NonNullable<FrameInfo['segments']>, show: (time: string) => string): string {
  const [first, ...others] = segments;
  const last = segments.at(-1);
  if (!first || !last) {
    return '';
  }
  if (others.length === 0) {
    return t('reading.tier', 'from tier {{tier}}', { tier: first.tier });
  }
  if (segments.length > MOST_SEGMENTS) {
    const tiers = [...new Set(segments.map(({ tier }) => tier))].join(', ');
    return t('reading.tiers', 'from tiers {{tiers}}', { tiers });
  }
  const until = segments
    .slice(0, -1)
    .map(({ tier, to }) => t('reading.until', '{{tier}} up to {{time}}', { tier, time: show(to) }));
  return t('reading.tiers-in-turn', 'from tier {{until}}, then {{last}}', { until: until.join(', '), last: last.tier });
}

function rollupParts(rollup?: Rollup): string[] {
  if (!rollup) {
    return [];
  }
  const { tidemark, tiers, behindSeconds } = rollup;
  const at = tidemark && behindSeconds != null ? Date.parse(tidemark) + behindSeconds * 1000 : NaN;
  return [t('reading.has-tiers', 'from tiers {{tiers}}', { tiers: tiers.join(', ') }), sealedTo(tidemark, at)];
}

/** How fresh sealed values are. */
function sealedTo(tidemark: string | null, at: number, timezone?: string): string {
  if (!tidemark) {
    return t('reading.not-sealed', 'nothing sealed yet');
  }
  const time = showTime(tidemark, at, timezone);
  const age = at - Date.parse(tidemark);
  return Number.isNaN(age)
    ? t('reading.sealed', 'sealed up to {{time}}', { time })
    : t('reading.sealed-ago', 'sealed up to {{time}}, {{age}} ago', { time, age: showAge(age) });
}

function followedTo({ source }: NonNullable<FrameInfo['live']>, time: string): string {
  return source === 'sidecar'
    ? t('reading.followed', 'live from the sidecars up to {{time}}', { time })
    : t('reading.polled', 'asked of Elasticsearch again and again, up to {{time}}', { time });
}

/** What is merged, where the rollup does not keep the dimensions of the query by themselves. */
function groupingOf({ groupBy, filters }: TidemarkQuery, rollup?: Rollup): string | undefined {
  const used = [...new Set([...groupBy, ...filters.map(({ dimension }) => dimension)])].filter(Boolean);
  if (!rollup || used.some(hasVariable)) {
    return undefined;
  }
  const [smallest] = rollup.groupings
    .filter((grouping) => used.every((name) => grouping.includes(name)))
    .sort((a, b) => a.length - b.length);
  if (!smallest) {
    return t('reading.no-grouping', 'the rollup is not kept by {{names}}', { names: used.join(', ') });
  }
  return smallest.length > used.length
    ? t('reading.merged', 'merged from {{names}}', { names: smallest.join(', ') })
    : undefined;
}

/** A time of the day, with the day where that is not the one of the answer. */
function showTime(time: string, at: number, timeZone?: string): string {
  const day = (value: string | number) => dateTimeFormat(value, { format: 'YYYY-MM-DD', timeZone });
  const format = !Number.isNaN(at) && day(time) === day(at) ? 'HH:mm:ss' : 'YYYY-MM-DD HH:mm:ss';
  return dateTimeFormat(time, { format, timeZone });
}
