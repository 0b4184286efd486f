// The live values: a stream of JSON lines, kept as counts by second.

const path = 'api/v1/live';
const wait = 2000; // ms before a stream that ended is asked for again
const longestWait = 15000;

/** What has been told of one rollup. */
export class LiveCounts {
  #counts = new Map(); // by the start of the second
  from = 0;
  through = 0;
  missing = [];

  /** Takes one line of the stream. */
  take(batch) {
    if (batch.kind === 'snapshot') this.#counts.clear();
    this.from = batch.from;
    this.through = batch.through;
    this.missing = batch.missing ?? [];
    for (const row of batch.rows ?? []) this.#counts.set(row.start, row.count);
    for (const start of this.#counts.keys()) if (start < this.from) this.#counts.delete(start);
  }

  /** The seconds of the last range ms: those without events are 0, and those that are not told are not there. */
  frame(range) {
    const times = [];
    const values = [];
    for (let t = Math.max(this.from, this.through - range); t < this.through; t += 1000) {
      times.push(t);
      values.push(this.#counts.get(t) ?? 0);
    }
    return { times, values };
  }
}

/** Reads a stream line by line. */
async function read(response, each) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line !== '') each(JSON.parse(line));
  }
}

/** Follows the live values of one rollup at a time. */
export class LiveStream {
  #controller = null;
  #rollup = '';
  #show;

  /** show(counts, problem) is called whenever something is told; problem says why nothing is, or is empty. */
  constructor(show) {
    this.#show = show;
  }

  /** Follows a rollup; '' for none. */
  follow(rollup) {
    if (rollup === this.#rollup) return;
    this.#rollup = rollup;
    this.#controller?.abort();
    this.#controller = null;
    if (rollup === '') return;
    this.#controller = new AbortController();
    this.#run(rollup, this.#controller.signal);
  }

  async #run(rollup, signal) {
    const counts = new LiveCounts();
    const parameters = new URLSearchParams({ rollup, format: 'json', interval: '1s' });
    for (let failures = 0; !signal.aborted; failures++) {
      let problem;
      try {
        const response = await fetch(`${path}?${parameters}`, { cache: 'no-store', signal });
        if (response.ok) {
          await read(response, (batch) => {
            failures = 0;
            counts.take(batch);
            if (!signal.aborted && batch.kind !== 'end') this.#show(counts, '');
          });
          problem = '';
        } else {
          problem = await refusal(response);
        }
      } catch (error) {
        if (!(error instanceof TypeError || error.name === 'AbortError')) console.error(error); // those two say that the connection broke
        problem = 'The live values are not told at the moment';
      }
      if (signal.aborted) return;
      if (problem !== '') this.#show(counts, problem);
      await new Promise((resolve) => { setTimeout(resolve, Math.min(longestWait, wait * 2 ** Math.min(failures, 4))); });
    }
  }
}

/** Why the sidecar does not tell. */
async function refusal(response) {
  if (response.status === 401) return 'The live values are told only to readers with the token';
  try {
    return (await response.json()).error.message;
  } catch {
    return `The live values are not told: ${response.status}`;
  }
}
