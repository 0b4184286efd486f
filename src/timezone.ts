const UTC = /^(etc\/)?(utc|gmt|uct|zulu)$/i;

/** The IANA name of a dashboard's time zone, in which days begin; empty for UTC. */
export function zoneName(timezone: string | undefined): string {
  const name = !timezone || timezone === 'browser' ? Intl.DateTimeFormat().resolvedOptions().timeZone : timezone;
  return UTC.test(name) ? '' : name;
}
