// The page: asks for the state and the series, and keeps the charts moving.
import * as api from './api.js';
import * as format from './format.js';
import { Palette, theme } from './palette.js';
import { TimeChart } from './chart.js';
import { LiveStream } from './live.js';
import * as tables from './tables.js';

const statusPeriod = 1000;
const queryPeriod = 2000;
const longestWait = 10000;
const top = 8;
const liveRange = 300000; // ms that the live chart shows

const $ = (id) => document.getElementById(id);
const palette = new Palette();
const tiles = new tables.Tiles();
const motion = matchMedia('(prefers-reduced-motion: reduce)');
const dark = matchMedia('(prefers-color-scheme: dark)');

const page = {
  rollups: [], // the catalog
  status: null,
  statusError: null,
  queryError: null,
  live: true,
  asked: false, // whether something is to be read though the page is paused
  stoppedAt: 0,
  followed: '', // the rollup of the live chart
  volume: 'count',
  generation: 0, // counts changes of the selection, so that late answers are dropped
};

const charts = {
  live: new TimeChart($('chart-live'), { bars: true, fromZero: true, theme: theme() }),
  volume: new TimeChart($('chart-volume'), { bars: true, fromZero: true, theme: theme() }),
  sources: new TimeChart($('chart-sources'), { fromZero: true, theme: theme() }),
  average: new TimeChart($('chart-average'), { theme: theme() }),
  maximum: new TimeChart($('chart-maximum'), { theme: theme() }),
};

const now = () => (page.live ? api.now() : page.stoppedAt);

// ---- what is selected

function selection() {
  const rollup = page.rollups.find((r) => r.name === $('rollup').value);
  return { rollup, dimension: $('dimension').value, measure: $('measure').value, range: Number($('range').value) };
}

function options(select, names, wanted, none) {
  const all = [...names.map((n) => [n, n]), ...(none === undefined ? [] : [['', none]])];
  const current = [...select.options].map((o) => o.value);
  if (current.length !== all.length || current.some((v, i) => v !== all[i][0])) {
    select.replaceChildren(...all.map(([value, text]) => new Option(text, value)));
  }
  if (all.some(([value]) => value === wanted)) select.value = wanted;
  select.disabled = all.length < 2;
}

function preferred(names, ...wishes) {
  return wishes.find((w) => names.includes(w)) ?? names[0] ?? '';
}

function fillControls(wanted) {
  const names = page.rollups.map((r) => r.name);
  options($('rollup'), names, names.includes(wanted.rollup) ? wanted.rollup : preferred(names, 'log_writes'));
  const { rollup } = selection();
  const dimensions = rollup?.dimensions ?? [];
  const measures = rollup?.measures ?? [];
  options($('dimension'), dimensions, wanted.by ?? preferred(dimensions, 'path'), 'nothing');
  options($('measure'), measures, measures.includes(wanted.measure) ? wanted.measure : preferred(measures, 'offset', 'cpu_percent'), measures.length === 0 ? 'none kept' : undefined);
}

function remember() {
  const { rollup, dimension, measure, range } = selection();
  history.replaceState(null, '', `#${new URLSearchParams({ rollup: rollup?.name ?? '', by: dimension, measure, range })}`);
}

function remembered() {
  const hash = new URLSearchParams(location.hash.slice(1));
  return { rollup: hash.get('rollup'), by: hash.get('by') ?? undefined, measure: hash.get('measure'), range: hash.get('range') };
}

function selectionChanged() {
  page.generation++;
  palette.reset();
  for (const c of Object.values(charts)) {
    if (c === charts.live) continue; // which is of the rollup alone
    c.clear();
    c.message('Reading');
  }
  followLive();
  remember();
  readSoon();
}

// ---- the last minutes, second by second

const stream = new LiveStream((counts, problem) => {
  const chart = charts.live;
  const { rollup } = selection();
  chart.title('Live', `events per second · ${rollup?.name ?? ''} · the last 5 minutes`);
  chart.message(problem);
  if (problem !== '' && !chart.filled) return;
  chart.notices(counts.missing.length === 0 ? [] : [`Nothing is heard of ${counts.missing.slice(0, 3).join(', ')}${counts.missing.length > 3 ? ' and others' : ''}`]);
  const frame = counts.frame(liveRange + 60000);
  if (frame.times.length === 0) chart.message('The first seconds are on their way');
  else chart.show([{ ...frame, name: 'total', slot: 0 }], { range: liveRange, interval: 1000, now: now(), tidemark: tidemark() });
});

/** The stream is read while it is shown. */
function followLive() {
  const name = selection().rollup?.name ?? '';
  if (name !== page.followed) {
    page.followed = name;
    charts.live.clear();
    charts.live.message(page.live ? 'Reading' : 'Paused');
  }
  stream.follow(page.live && !document.hidden ? name : '');
}

function readSoon() {
  page.asked = true;
  queries.soon();
}

// ---- series

function isOther(frame) {
  return frame.name === 'other' || frame.name === 'Other';
}

function seriesOf(frames, dimension) {
  const named = frames.map((f) => ({ ...f, name: isOther(f) ? 'other' : f.labels[dimension] ?? f.name })).sort((a, b) => (isOther(a) ? 1 : 0) - (isOther(b) ? 1 : 0));
  const slots = palette.assign(named.map((f) => f.name), (name) => name === 'other');
  return named.map((f, i) => ({ ...f, slot: slots[i] }));
}

/** Why a chart has no new values. */
function absence(error, filled) {
  if (error.code === 'unavailable') return filled ? 'Elasticsearch is away: the last values are shown' : 'Elasticsearch is away: no values yet';
  if (error.code === 'unreachable') return filled ? 'No answer: the last values are shown' : 'The sidecar does not answer';
  return error.message;
}

function titles({ rollup, dimension, measure }, interval) {
  const each = format.length(interval);
  const largest = dimension === '' ? 'all together' : `the ${top} largest`;
  const by = dimension === '' ? largest : `by ${dimension}, ${largest}`;
  charts.volume.title('Write volume', `${page.volume === 'count' ? 'events' : 'bytes'} per ${each} · ${rollup.name}`);
  charts.sources.title(dimension === '' ? 'Events' : `Events by ${dimension}`, `events per ${each} · ${dimension === '' ? largest : `${largest} and the rest`}`);
  charts.average.title(measure === '' ? 'Average' : `Average of ${measure}`, measure === '' ? '' : `of each ${each} · ${by}`);
  charts.maximum.title(measure === '' ? 'Maximum' : `Maximum of ${measure}`, measure === '' ? '' : `of each ${each} · ${by}`);
}

async function refresh() {
  if (page.rollups.length === 0) return;
  const chosen = selection();
  const { rollup, dimension, measure, range } = chosen;
  const generation = page.generation;
  const interval = format.interval(range, format.windowLength(rollup.window), Math.max(60, Math.min(300, charts.volume.width / 2.5)));
  const to = Math.ceil(now() / interval) * interval;
  const from = Math.floor((now() - range) / interval) * interval;
  const groupBy = dimension === '' ? [] : [dimension];
  const ask = (query) => api.query({
    query: { rollup: rollup.name, read: 'live', ...query }, from, to, interval, maxDataPoints: Math.round((to - from) / interval),
  });
  const grouped = { groupBy, top };
  const wanted = [
    [charts.volume, { stat: page.volume, groupBy: [] }, page.volume === 'bytes' ? format.bytes : format.short],
    [charts.sources, { stat: 'count', ...grouped, other: true }, format.short],
    [charts.average, { stat: 'avg', measure, ...grouped }, format.forMeasure(measure)],
    [charts.maximum, { stat: 'max', measure, ...grouped }, format.forMeasure(measure)],
  ];
  titles(chosen, interval);
  const askable = ([, query]) => query.measure !== '';
  const answers = await Promise.allSettled(wanted.map((w) => (askable(w) ? ask(w[1]) : null)));
  if (generation !== page.generation) return;

  page.queryError = null;
  wanted.forEach((w, i) => {
    const [chart, query, unit] = w;
    const { value, reason } = answers[i];
    if (!askable(w)) {
      chart.message('This rollup keeps no measure');
    } else if (reason) {
      page.queryError ??= reason;
      chart.message(absence(reason, chart.filled));
    } else {
      chart.format = unit;
      chart.notices(value.notices);
      const series = query.groupBy.length === 0 ? value.frames.map((f) => ({ ...f, name: 'total', slot: 0 })) : seriesOf(value.frames, dimension);
      chart.show(series, { range, interval, now: now(), tidemark: tidemark() });
      chart.message(value.frames.some((f) => f.values.some((v) => v !== null)) ? '' : 'No events in this time range yet');
    }
  });
  banner();
  if (page.queryError) throw page.queryError;
}

function tidemark() {
  return rollupStatus()?.tidemark ?? selection().rollup?.tidemark ?? null;
}

// ---- state

function rollupStatus() {
  const name = $('rollup').value;
  return page.status?.streams.flatMap((s) => s.rollups).find((r) => r.name === name) ?? null;
}

function banner() {
  const [state, title, text] = trouble();
  const e = $('banner');
  const shown = `${state}|${title}|${text}`;
  if (e.dataset.shown === shown) return; // an unchanged one is not read out again
  e.dataset.shown = shown;
  e.hidden = state === '';
  e.dataset.state = state;
  const strong = document.createElement('strong');
  strong.textContent = title;
  const span = document.createElement('span');
  span.textContent = text;
  e.replaceChildren(strong, span);
}

/** The one thing that a reader should know first: [state, title, text]. */
function trouble() {
  const { status, statusError, queryError } = page;
  if (statusError) return ['bad', 'The sidecar does not answer', 'The page tries again by itself. What is shown is the last that was heard.'];
  if (status && !status.elasticsearch.ok) return ['bad', 'Elasticsearch is away', `${status.elasticsearch.error}. Events stay in Kafka, none is lost, and the sidecar catches up by itself.`];
  if (status && !status.kafka.ok) return ['bad', 'Kafka is away', `${status.kafka.error}. The sidecar goes on where it was as soon as Kafka answers.`];
  const stuck = status?.streams.flatMap((s) => s.rollups).flatMap((r) => r.partitions).find((p) => p.state === 'blocked' || p.state === 'stopped');
  if (stuck) return ['bad', `Partition ${stuck.partition} is ${stuck.state}`, stuck.reason ?? ''];
  if (queryError && queryError.code === 'unavailable') return ['bad', 'Elasticsearch is away', queryError.message];
  if (queryError) return ['warn', 'A chart could not be read', queryError.message];
  if (status && !status.ready && status.reasons.length > 0) return ['warn', 'Not ready yet', status.reasons.join('; ')];
  return ['', '', ''];
}

async function readStatus() {
  try {
    page.status = await api.status();
    page.statusError = null;
  } catch (error) {
    page.statusError = error;
  }
  const { status } = page;
  if (status !== null) {
    $('version').textContent = status.version;
    const rollup = rollupStatus();
    tiles.show(status, rollup, api.now());
    tables.partitions($('partitions'), rollup, api.now());
    tables.ledger($('ledger'), status.streams);
  }
  tables.chip('chip-kafka', page.statusError ? null : status.kafka);
  tables.chip('chip-elasticsearch', page.statusError ? null : status.elasticsearch);
  banner();
  if (page.statusError) throw page.statusError;
}

async function readCatalog() {
  const before = page.rollups;
  page.rollups = await api.catalog();
  const { rollup, dimension, measure } = selection();
  fillControls(before.length === 0 ? remembered() : { rollup: $('rollup').value, by: dimension, measure });
  const after = selection();
  if (rollup?.name !== after.rollup?.name || dimension !== after.dimension || measure !== after.measure) selectionChanged();
}

async function readSeries() {
  page.asked = false;
  try {
    await readCatalog();
  } catch (error) {
    page.queryError = error;
    banner();
    if (page.rollups.length === 0) {
      const text = error.code === 'not_found' ? error.message : 'The list of rollups cannot be read yet';
      for (const c of Object.values(charts)) c.message(text);
      throw error;
    }
  }
  if (page.rollups.length === 0) for (const c of Object.values(charts)) c.message('Waiting for the first rollup');
  followLive();
  await refresh();
}

// ---- time

/** Calls work again and again, one call at a time, less often while it fails, and not while nobody looks. */
function repeat(work, period, wanted = () => true) {
  let timer = 0;
  let running = false;
  let again = false;
  let failures = 0;
  const run = async () => {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      if (!document.hidden && wanted()) await work();
      failures = 0;
    } catch (error) {
      failures++;
      if (!(error instanceof api.ApiError)) console.error(error);
    }
    running = false;
    timer = setTimeout(run, again ? 0 : Math.min(longestWait, period * 2 ** Math.min(failures, 4)));
    again = false;
  };
  document.addEventListener('visibilitychange', run);
  run();
  return { soon: run };
}

function animate() {
  if (page.live && !document.hidden && !motion.matches && page.status !== null) {
    const at = api.now();
    const mark = tidemark();
    for (const c of Object.values(charts)) c.move(at, mark);
  }
  requestAnimationFrame(animate);
}

// ---- wiring

const wantedRange = remembered().range;
if ([...$('range').options].some((o) => o.value === wantedRange)) $('range').value = wantedRange;

repeat(readStatus, statusPeriod);
const queries = repeat(readSeries, queryPeriod, () => page.live || page.asked);


$('rollup').addEventListener('change', () => {
  fillControls({ rollup: $('rollup').value });
  selectionChanged();
  if (page.status) tables.partitions($('partitions'), rollupStatus(), api.now());
});
for (const id of ['dimension', 'measure', 'range']) $(id).addEventListener('change', selectionChanged);
$('controls').addEventListener('submit', (event) => event.preventDefault());

$('live').addEventListener('click', () => {
  page.live = !page.live;
  page.stoppedAt = api.now();
  $('live').setAttribute('aria-pressed', String(page.live));
  $('live').querySelector('span').textContent = page.live ? 'Live' : 'Paused';
  followLive();
  if (page.live) queries.soon();
});
document.addEventListener('visibilitychange', followLive);

for (const button of document.querySelectorAll('#chart-volume .switch button')) {
  button.addEventListener('click', () => {
    page.volume = button.dataset.stat;
    for (const other of button.parentElement.children) other.setAttribute('aria-pressed', String(other === button));
    page.generation++;
    charts.volume.clear();
    readSoon();
  });
}

dark.addEventListener('change', () => {
  const colours = theme();
  for (const c of Object.values(charts)) c.recolour(colours);
});

animate();
