// The tables of partitions and of the ledger, and the tiles, from /status.
import * as format from './format.js';

const maxRows = 200;
const states = { reading: 'good', idle: 'good', assigned: 'unknown', paused: 'warn', blocked: 'bad', stopped: 'bad' };
const outcomes = ['on_time', 'late', 'overflowed', 'filtered', 'undecodable', 'quarantined', 'rejected'];
const lost = new Set(['undecodable', 'quarantined', 'rejected']);

function element(tag, { text = '', className = '', ...attributes } = {}, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== '') e.textContent = text;
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

function number(value, alert = false) {
  return element('td', { text: format.full(value), className: value === 0 ? 'zero' : alert ? 'alert' : '' });
}

function heads(table, names) {
  if (table.tHead.rows.length > 0) return;
  table.tHead.append(element('tr', {}, ...names.map(([text, className = '']) => element('th', { text, className, scope: 'col' }))));
}

function fill(table, rows, columns, none) {
  const shown = rows.slice(0, maxRows);
  if (rows.length === 0) shown.push(element('tr', {}, element('td', { text: none, className: 'none', colspan: columns })));
  if (rows.length > maxRows) shown.push(element('tr', {}, element('td', { text: `and ${rows.length - maxRows} more: see /status`, className: 'none', colspan: columns })));
  table.tBodies[0].replaceChildren(...shown);
}

/** The partitions of one rollup. */
export function partitions(table, rollup, now) {
  const columns = [['Partition'], ['State', 'text'], ['Lag'], ['Lost'], ['Next offset'], ['End offset'], ['Newest event'], ['Watermark'], ['Sealed through'], ['Open windows'], ['Open keys'], ['Unacknowledged']];
  heads(table, columns);
  const rows = (rollup?.partitions ?? []).map((p) => {
    const state = element('td', { className: 'text' }, element('span', { className: 'state', 'data-state': states[p.state] ?? 'unknown' }, element('i', { 'aria-hidden': 'true' }), p.state));
    if (p.reason) state.append(element('span', { text: p.reason, className: 'reason' }));
    return element('tr', {},
      element('th', { text: p.partition, scope: 'row' }), state, number(p.lag), number(p.lost, true), number(p.next_offset), number(p.end_offset),
      ...[p.last_event_at, p.watermark, p.sealed_through].map((t) => element('td', { text: format.ago(t, now) })),
      number(p.open_windows), number(p.open_keys), number(p.unacknowledged_documents));
  });
  fill(table, rows, columns.length, 'This sidecar owns no partition yet.');
}

/** What a ledger's counters after "consumed" add up to. */
export function counted(ledger) {
  return outcomes.reduce((sum, name) => sum + ledger[name], 0);
}

/** The ledger of every rollup. */
export function ledger(table, streams) {
  heads(table, [['Rollup'], ['Stream', 'text'], ['consumed'], ...outcomes.map((name) => [name.replace('_', ' ')]), ['Balance']]);
  const rows = streams.flatMap((stream) => stream.rollups.map((r) => {
    const difference = r.ledger.consumed - counted(r.ledger);
    return element('tr', {},
      element('th', { text: r.name, scope: 'row' }), element('td', { text: stream.name, className: 'text' }), number(r.ledger.consumed),
      ...outcomes.map((name) => number(r.ledger[name], lost.has(name))),
      element('td', difference === 0 ? { text: '✓ balanced' } : { text: `${format.full(difference)} missing`, className: 'alert' }));
  }));
  fill(table, rows, outcomes.length + 4, 'There is no rollup yet.');
}

const put = (id, text) => { document.getElementById(id).textContent = text; };

/** Events that one stream has read: every rollup counts the same ones. */
function consumed(stream) {
  const byPartition = new Map();
  for (const r of stream.rollups) {
    for (const p of r.partitions) byPartition.set(p.partition, Math.max(byPartition.get(p.partition) ?? 0, p.ledger.consumed));
  }
  return [...byPartition.values()].reduce((a, b) => a + b, 0);
}

function lag(stream) {
  const byPartition = new Map();
  for (const r of stream.rollups) for (const p of r.partitions) byPartition.set(p.partition, Math.max(byPartition.get(p.partition) ?? 0, p.lag));
  return [...byPartition.values()];
}

/** The four numbers above the charts. */
export class Tiles {
  #history = [];

  show(status, rollup, now) {
    const total = status.streams.reduce((sum, s) => sum + consumed(s), 0);
    this.#history.push([now, total]);
    while (this.#history.length > 2 && now - this.#history[0][0] > 10000) this.#history.shift();
    const [then, before] = this.#history[0];
    if (total < before) this.#history = [[now, total]]; // partitions moved to another sidecar
    put('tile-rate', now > then && total >= before ? format.short(Math.round((total - before) / ((now - then) / 1000))) : '–');
    put('tile-rate-note', `${format.full(total)} in all`);

    const mark = rollup?.tidemark ?? null;
    const [n, unit] = mark === null ? ['–', ''] : format.span(now - mark);
    put('tile-tidemark', n);
    put('tile-tidemark-unit', mark === null ? '' : `${unit} behind`);
    const held = rollup?.held_by ? `held by ${rollup.held_by}: ${rollup.held_reason}` : '';
    put('tile-tidemark-note', held || (mark === null ? 'no window is sealed yet' : `sealed through ${format.time(mark)}`));

    const lags = status.streams.flatMap(lag);
    put('tile-lag', format.short(lags.reduce((a, b) => a + b, 0)));
    put('tile-lag-note', lags.length === 1 ? 'in 1 partition' : `in ${lags.length} partitions`);

    const rollups = status.streams.flatMap((s) => s.rollups);
    const wrong = rollups.filter((r) => r.ledger.consumed !== counted(r.ledger));
    const set = rollups.reduce((sum, r) => sum + [...lost].reduce((a, name) => a + r.ledger[name], 0), 0);
    put('tile-ledger', rollups.length === 0 ? '–' : wrong.length === 0 ? 'Balanced' : 'Unbalanced');
    document.getElementById('tile-ledger').closest('.tile').dataset.state = rollups.length === 0 ? '' : wrong.length === 0 ? 'good' : 'bad';
    put('tile-ledger-note', wrong.length > 0 ? wrong.map((r) => r.name).join(', ') : set === 0 ? 'every event is counted once' : `${format.full(set)} set aside: see below`);
  }
}

/** Kafka and Elasticsearch in the head of the page. */
export function chip(id, component) {
  const e = document.getElementById(id);
  e.dataset.state = component === null ? 'unknown' : component.ok ? 'good' : 'bad';
  e.querySelector('b').textContent = component === null ? '' : component.ok ? 'connected' : 'away';
  e.title = component?.error ?? '';
}
