import { dateMath, type DateTime, type TimeRange, type TimeZone } from '@grafana/data';

/** A span of time, ms; `to` is not in it. */
export interface Span {
  from: number;
  to: number;
}

/** The span of a time range at present: a relative one moves with time. */
export function presentSpan({ raw, from, to }: TimeRange, timezone?: TimeZone): Span {
  return { from: present(raw.from, from, false, timezone), to: present(raw.to, to, true, timezone) };
}

function present(raw: DateTime | string, asked: DateTime, roundUp: boolean, timezone?: TimeZone): number {
  const parsed = typeof raw === 'string' ? dateMath.toDateTime(raw, { roundUp, timezone }) : undefined;
  return (parsed?.isValid() ? parsed : asked).valueOf();
}
