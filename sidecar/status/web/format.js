// Numbers and times as people read them.

const units = ['', ' k', ' M', ' G', ' T', ' P'];
const byteUnits = [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB'];

function scaled(value, base, suffixes) {
  let v = Math.abs(value);
  let i = 0;
  while (v >= base && i < suffixes.length - 1) {
    v /= base;
    i++;
  }
  if (v !== 0 && v < 0.1) return value.toPrecision(2);
  const digits = v >= 100 || (i === 0 && Number.isInteger(v)) ? 0 : v >= 10 ? 1 : 2;
  const text = v.toFixed(digits);
  return (value < 0 ? '−' : '') + (digits > 0 ? text.replace(/\.?0+$/, '') : text) + suffixes[i];
}

/** Short form of a number: 1234567 is "1.23 M". Nothing is a dash. */
export function short(value) {
  return value === null || value === undefined ? '–' : scaled(value, 1000, units);
}

/** Short form of a number of bytes: 1536 is "1.5 KiB". */
export function bytes(value) {
  return value === null || value === undefined ? '–' : scaled(value, 1024, byteUnits);
}

export function percent(value) {
  return value === null || value === undefined ? '–' : `${short(value)} %`;
}

/** The format that a measure's name asks for. */
export function forMeasure(name) {
  if (/percent$/.test(name)) return percent;
  if (/(^|_)(bytes|rss)$|memory_(used|total)/.test(name)) return bytes;
  return short;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** All digits of a whole number, in groups. */
export function full(value) {
  return whole.format(value).replaceAll(',', '\u202f');
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Local time of day; ms since the Unix epoch. */
export function time(ms, withSeconds = true) {
  return (withSeconds ? clock : minutes).format(ms);
}

/** A length of time in its largest sensible unit: [number, unit]. */
export function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 120) return [String(Math.round(s)), 's'];
  if (s < 7200) return [String(Math.round(s / 60)), 'min'];
  if (s < 172800) return [(s / 3600).toFixed(1), 'h'];
  return [(s / 86400).toFixed(1), 'days'];
}

/** "12 s ago" for a time in ms, or a dash. */
export function ago(ms, now) {
  if (ms === null || ms === undefined) return '–';
  if (ms > now + 1000) return `${span(ms - now).join(' ')} ahead`;
  return `${span(now - ms).join(' ')} ago`;
}

const windowUnits = { s: 1000, m: 60000, h: 3600000, d: 86400000 };

/** Length of a window such as "10s" in ms. */
export function windowLength(text) {
  const parts = /^(\d+)([smhd])$/.exec(text);
  return parts ? Number(parts[1]) * windowUnits[parts[2]] : 10000;
}

const niceLengths = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400].map((s) => s * 1000);

/** The shortest whole multiple of the window that shows the range in the given number of points. */
export function interval(range, window, points) {
  const wanted = Math.max(window, range / points);
  return niceLengths.find((length) => length >= wanted && length % window === 0) ?? Math.ceil(wanted / window) * window;
}

/** A length in ms as windows are written: 60000 is "1 min". */
export function length(ms) {
  const [n, unit] = ms % 3600000 === 0 ? [ms / 3600000, 'h'] : ms % 60000 === 0 ? [ms / 60000, 'min'] : [ms / 1000, 's'];
  return `${n} ${unit}`;
}
