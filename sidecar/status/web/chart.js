// One chart that moves with the clock, its legend, and the tidemark on it.
import uPlot from './uplot/uPlot.esm.js';
import * as format from './format.js';

const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const pause = 250; // ms between two draws of a moving chart, at least

/** Brings frames to one list of times: [times, values, values, ...], times in seconds. */
export function align(frames) {
  const times = [...new Set(frames.flatMap((f) => f.times))].sort((a, b) => a - b);
  const at = new Map(times.map((t, i) => [t, i]));
  const columns = frames.map((f) => {
    const column = new Array(times.length).fill(null);
    f.times.forEach((t, i) => { column[at.get(t)] = f.values[i] ?? null; });
    return column;
  });
  return [times.map((t) => t / 1000), ...columns];
}

/** Values without a neighbour, which no line shows. */
function lonely(column) {
  return column.flatMap((v, i) => (v !== null && (column[i - 1] ?? null) === null && (column[i + 1] ?? null) === null ? [i] : []));
}

function verticalRange(fromZero) {
  return (_, min, max) => {
    if (min === null || max === null) return [0, 1];
    if (fromZero || min >= 0 && min < 0.6 * max) return [0, max > 0 ? max * 1.08 : 1];
    const room = (max - min) * 0.12 || Math.abs(max) * 0.05 || 1;
    return [min - room, max + room];
  };
}

export class TimeChart {
  #figure;
  #plot;
  #legend;
  #empty;
  #u = null;
  #key = '';
  #series = [];
  #data = [[]];
  #hidden = new Set();
  #view = { range: 300000, now: 0, tidemark: null, interval: 10000 };
  #drawnAt = 0;

  constructor(figure, { bars = false, fromZero = false, theme }) {
    this.#figure = figure;
    this.bars = bars;
    this.fromZero = fromZero;
    this.theme = theme;
    this.format = format.short;
    this.#plot = figure.querySelector('.plot');
    this.#legend = figure.querySelector('.legend');
    this.#empty = document.createElement('p');
    this.#empty.className = 'empty';
    this.#plot.append(this.#empty);
    this.message('Waiting for the first answer');
    new ResizeObserver(() => this.#resize()).observe(this.#plot);
  }

  /** The width that points have to share, in CSS pixels. */
  get width() {
    return this.#plot.clientWidth;
  }

  title(title, subtitle) {
    this.#figure.querySelector('h2').textContent = title;
    this.#figure.querySelector('figcaption p').textContent = subtitle;
  }

  notices(list) {
    const line = this.#figure.querySelector('.notice');
    line.hidden = list.length === 0;
    line.textContent = [...new Set(list)].slice(0, 3).join(' · ');
  }

  /** Says something in place of the values, or over them where stale ones stay. An empty text takes it away. */
  message(text) {
    this.#empty.hidden = text === '';
    this.#empty.replaceChildren();
    if (text !== '') {
      const span = document.createElement('span');
      span.textContent = text;
      this.#empty.append(span);
    }
    this.#figure.classList.toggle('stale', text !== '' && this.#u !== null);
  }

  clear() {
    this.#u?.destroy();
    this.#u = null;
    this.#key = '';
    this.#data = [[]];
    this.#hidden.clear();
    this.#legend.replaceChildren();
    this.notices([]);
  }

  /** Shows series: [{name, slot, times, values}]. */
  show(series, view) {
    this.#view = { ...this.#view, ...view };
    this.#data = align(series);
    const key = JSON.stringify([series.map((s) => [s.name, s.slot]), this.#view.interval]);
    if (key !== this.#key || this.#u === null) {
      this.#key = key;
      this.#series = series.map(({ name, slot }) => ({ name, slot }));
      this.#build();
    } else {
      this.#u.setData(this.#data, false);
    }
    this.#drawnAt = 0;
    this.move(this.#view.now, this.#view.tidemark);
    this.#legendValues(null);
  }

  /** Moves the time axis, where that is at least a pixel. */
  move(now, tidemark) {
    if (this.#u === null) return;
    const step = Math.max(pause, this.#view.range / Math.max(1, this.width));
    if (Math.abs(now - this.#drawnAt) < step) return;
    this.#drawnAt = now;
    this.#view.now = now;
    this.#view.tidemark = tidemark;
    this.#u.setScale('x', { min: (now - this.#view.range) / 1000, max: now / 1000 });
  }

  /** Takes over new colours. */
  recolour(theme) {
    this.theme = theme;
    if (this.#u === null) return;
    this.#build();
    this.#drawnAt = 0;
    this.move(this.#view.now, this.#view.tidemark);
    this.#legendValues(null);
  }

  /** Whether values are shown. */
  get filled() {
    return this.#u !== null;
  }

  #colour(slot) {
    if (this.bars) return this.theme.bars;
    return slot < 0 ? this.theme.other : this.theme.series[slot];
  }

  #resize() {
    if (this.#u !== null) this.#u.setSize({ width: this.#plot.clientWidth, height: this.#plot.clientHeight });
  }

  #build() {
    this.#u?.destroy();
    this.#buildLegend(); // first, since the plot has the height that the legend leaves
    const axis = { stroke: this.theme.muted, font, ticks: { show: false }, grid: { stroke: this.theme.grid, width: 1 } };
    const options = {
      width: this.#plot.clientWidth,
      height: this.#plot.clientHeight,
      padding: [12, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'tidemark', setSeries: false }, points: { size: 7 } },
      scales: { x: { time: true, auto: false }, y: { range: verticalRange(this.fromZero) } },
      axes: [
        { ...axis, grid: { show: false }, space: 76, size: 30, values: (_, ticks, __, ___, distance) => ticks.map((t) => format.time(t * 1000, distance < 60)) },
        { ...axis, size: 64, space: 34, values: (_, ticks) => ticks.map((v) => this.format(v)) },
      ],
      series: [{}, ...this.#series.map((s) => this.#line(s))],
      hooks: {
        drawClear: [(u) => this.#drawTail(u)],
        draw: [(u) => this.#drawTidemark(u)],
        setCursor: [(u) => this.#legendValues(u.cursor.idx)],
      },
    };
    this.#u = new uPlot(options, this.#data, this.#plot);
    this.#u.root.setAttribute('aria-hidden', 'true'); // the legend tells the values
  }

  #line({ name, slot }) {
    const colour = this.#colour(slot);
    const series = { label: name, stroke: colour, width: 1.75, show: !this.#hidden.has(name), points: { show: true, size: 4, fill: colour, filter: (u, i) => lonely(u.data[i]) } };
    if (!this.bars) return series;
    return { ...series, width: 0, fill: colour, points: { show: false }, paths: uPlot.paths.bars({ size: [1, Infinity], gap: 1, align: 1 }) };
  }

  #tidemarkX(u) {
    const { tidemark } = this.#view;
    return tidemark === null ? null : u.valToPos(tidemark / 1000, 'x', true);
  }

  /** Shades what is not sealed yet. */
  #drawTail(u) {
    const x = this.#tidemarkX(u);
    if (x === null) return;
    const { ctx, bbox } = u;
    const left = Math.max(bbox.left, x);
    const right = bbox.left + bbox.width;
    if (left >= right) return;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.fillStyle = this.theme.tail;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.strokeStyle = this.theme.hatch;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (let at = left; at < right + bbox.height; at += 7 * devicePixelRatio) {
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at - bbox.height, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  }

  #drawTidemark(u) {
    const x = this.#tidemarkX(u);
    const { ctx, bbox } = u;
    if (x === null || x < bbox.left || x > bbox.left + bbox.width) return;
    const px = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = this.theme.accent;
    ctx.lineWidth = 1.5 * px;
    ctx.setLineDash([4 * px, 3 * px]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = this.theme.accent;
    ctx.beginPath();
    ctx.moveTo(x - 5 * px, bbox.top - 7 * px);
    ctx.lineTo(x + 5 * px, bbox.top - 7 * px);
    ctx.lineTo(x, bbox.top);
    ctx.fill();
    ctx.restore();
  }

  #buildLegend() {
    this.#legend.replaceChildren(...this.#series.map(({ name, slot }, i) => {
      const item = document.createElement('li');
      const button = document.createElement('button');
      button.type = 'button';
      button.title = name;
      button.setAttribute('aria-pressed', String(!this.#hidden.has(name)));
      const mark = document.createElement('i');
      mark.style.color = this.#colour(slot);
      const label = document.createElement('span');
      label.className = 'name';
      const text = document.createElement('bdi');
      text.textContent = name === '' ? '(empty)' : name;
      label.append(text);
      const value = document.createElement('span');
      value.className = 'value';
      button.append(mark, label, value);
      button.addEventListener('click', () => this.#toggle(name, i, button));
      item.append(button);
      return item;
    }));
  }

  #toggle(name, i, button) {
    const show = this.#hidden.has(name);
    if (show) this.#hidden.delete(name);
    else this.#hidden.add(name);
    button.setAttribute('aria-pressed', String(show));
    this.#u.setSeries(i + 1, { show });
  }

  /** Values at a position, or the newest of each series. */
  #legendValues(idx) {
    const values = this.#legend.querySelectorAll('.value');
    this.#series.forEach((_, i) => {
      const column = this.#data[i + 1] ?? [];
      const v = idx === null || idx === undefined ? column.findLast((x) => x !== null) : column[idx];
      if (values[i]) values[i].textContent = this.format(v);
    });
  }
}
