import { type DataFrame, dateTime, type Field, FieldType, type QueryResultMeta } from '@grafana/data';
import { t } from '../i18n';
import { type LiveState } from './reader';
import { firstFrom, type Row, type Series, seriesKey } from './rows';
import { type Span } from './span';

/** The answer to one query, as it was when it came. */
export interface History {
  frames: DataFrame[];
  /** When it was asked for, ms. */
  asked: number;
}

/** What the backend tells of an answer, as far as it matters here. */
interface FrameInfo {
  bucketMs?: number;
  /** RFC 3339. */
  tidemark?: string | null;
  /** Where the stream is, and what is sent with a subscription. */
  channel?: string;
  data?: unknown;
}

/** The points of a series: the times, and where each is in the history and among the rows. */
interface Axis {
  times: number[];
  historic: Array<number | undefined>;
  rows: Array<Row | undefined>;
  /** Whether the history's value is the newer one. */
  historicFirst: boolean[];
}

/**
 * The history with the live rows laid over it: a frame a series, with the points that overlap the span. Series that only
 * the rows have come last. Notices, and what the stream tells of itself, are in the first frame's metadata.
 */
export function overlay({ frames, asked }: History, live: LiveState, span: Span): DataFrame[] {
  const head = frames[0];
  const info = (head?.meta?.custom ?? {}) as FrameInfo;
  const length = info.bucketMs ?? 1;
  const rows = live.rows.slice(firstFrom(live.rows, span.from - length + 1), firstFrom(live.rows, span.to));
  const axisOf = axes(rows, span, length, newerHistory(live, info, asked, length));

  const drawn = frames.filter(({ fields }) => fields.length > 0).map((frame) => laidOver(frame, axisOf));
  const known = new Set(frames.flatMap(({ fields }) => fields.map(seriesKey)));
  const axis = axisOf(timesOf(frames.find(timeOf)));
  const added = newSeries(rows, known).map((series) => newFrame(series, axis, head));
  const [first = head, ...others] = [...drawn, ...added];
  return first ? [{ ...first, meta: mergedMeta(head?.meta, live) }, ...others] : [];
}

/**
 * Tells where the history is newer than a row. Rows win where the stream tells every change. Where it does not, because it
 * does not reach back so far or the connection is lost, a later answer knows better what is sealed.
 */
function newerHistory({ current, info }: LiveState, { tidemark }: FrameInfo, asked: number, length: number) {
  const sealed = milliseconds(tidemark) ?? -Infinity;
  const told = (current ? milliseconds(info?.from) : undefined) ?? Infinity;
  return ({ time, received }: Row) => time < told && received < asked && time + length <= sealed;
}

/** Makes axes for the times of frames, which are usually the same in all of them. */
function axes(rows: Row[], { from, to }: Span, length: number, isOlder: (row: Row) => boolean) {
  let last: { of: number[]; axis: Axis } | undefined;
  return (of: number[]): Axis => {
    if (last && last.of.length === of.length && last.of.every((time, i) => time === of[i])) {
      return last.axis;
    }
    const axis: Axis = { times: [], historic: [], rows: [], historicFirst: [] };
    let next = 0;
    const add = (time: number, historic: number | undefined) => {
      const row = rows[next]?.time === time ? rows[next++] : undefined;
      axis.times.push(time);
      axis.historic.push(historic);
      axis.rows.push(row);
      axis.historicFirst.push(row !== undefined && isOlder(row));
    };
    of.forEach((time, i) => {
      if (time + length <= from || time >= to) {
        return;
      }
      while (next < rows.length && rows[next]!.time < time) {
        add(rows[next]!.time, undefined);
      }
      add(time, i);
    });
    while (next < rows.length) {
      add(rows[next]!.time, undefined);
    }
    last = { of, axis };
    return axis;
  };
}

function laidOver(frame: DataFrame, axisOf: (times: number[]) => Axis): DataFrame {
  const time = timeOf(frame);
  if (!time) {
    return frame;
  }
  const axis = axisOf(timesOf(frame));
  const fields = frame.fields.map((field) => ({
    name: field.name,
    type: field.type,
    config: field.config,
    labels: field.labels,
    values: field === time ? axis.times : valuesAlong(axis, seriesKey(field), field.values as unknown[]),
  }));
  return { ...frame, fields, length: axis.times.length };
}

function valuesAlong({ times, historic, rows, historicFirst }: Axis, key: string, history: unknown[]): unknown[] {
  const cell = cellReader(key);
  return times.map((_, i) => {
    const at = historic[i];
    const old = at === undefined ? null : (history[at] ?? null);
    const told = cell(rows[i]) ?? null;
    return historicFirst[i] ? (old ?? told) : (told ?? old);
  });
}

/** Reads the value of a series from rows; most follow others with the same columns. */
function cellReader(key: string): (row: Row | undefined) => number | null | undefined {
  let columns: Row['columns'] | undefined;
  let at: number | undefined;
  return (row) => {
    if (row && row.columns !== columns) {
      columns = row.columns;
      at = columns.index.get(key);
    }
    return row && at !== undefined ? row.values[at] : undefined;
  };
}

/** The series of the rows that have a value and are not among the known ones, in the order in which they came. */
function newSeries(rows: Row[], known: Set<string>): Series[] {
  const found = new Map<string, Series>();
  for (const { columns, values } of rows) {
    columns.series.forEach((series, i) => {
      if (values[i] != null && !known.has(series.key) && !found.has(series.key)) {
        found.set(series.key, series);
      }
    });
  }
  return [...found.values()];
}

function newFrame({ key, name, labels, config }: Series, axis: Axis, head: DataFrame | undefined): DataFrame {
  const { refId, meta: { type, typeVersion, custom = {} } = {} } = head ?? {};
  const time = head && timeOf(head);
  return {
    refId,
    meta: { type, typeVersion, custom: withoutChannel(custom as FrameInfo) },
    fields: [
      { name: time?.name ?? 'time', type: FieldType.time, config: time?.config ?? {}, values: axis.times },
      { name, labels, config, type: FieldType.number, values: valuesAlong(axis, key, []) },
    ],
    length: axis.times.length,
  };
}

function mergedMeta(meta: QueryResultMeta = {}, { notices, info, failure }: LiveState): QueryResultMeta {
  const all = [...(meta.notices ?? []), ...notices];
  if (failure) {
    const text = t(
      'live.missing',
      'the newest values are missing, and come by themselves once the live stream is back: {{failure}}',
      { failure }
    );
    all.push({ severity: 'warning', text });
  }
  const distinct = new Map(all.map((notice) => [notice.text, notice]));
  const custom = { ...withoutChannel((meta.custom ?? {}) as FrameInfo), ...(info && { live: info }) };
  return { ...meta, notices: [...distinct.values()], custom };
}

/** The address of the stream is of no use to those who read the frame. */
function withoutChannel(info: FrameInfo): Record<string, unknown> {
  return { ...info, channel: undefined, data: undefined };
}

function timeOf({ fields }: DataFrame): Field | undefined {
  return fields.find(({ type }) => type === FieldType.time);
}

function timesOf(frame: DataFrame | undefined): number[] {
  return ((frame && timeOf(frame)?.values) ?? []) as number[];
}

function milliseconds(time: string | number | null | undefined): number | undefined {
  const ms = time == null ? NaN : dateTime(time).valueOf();
  return Number.isNaN(ms) ? undefined : ms;
}
