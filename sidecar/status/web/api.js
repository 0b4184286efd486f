// What the page asks the sidecar.

/** An answer that is not a success. code is the sidecar's, or "unreachable" where there was no answer. */
export class ApiError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const timeout = 15000;
let skew = 0;

/** The sidecar's time in ms; the reader's clock where they agree within a few seconds. */
export function now() {
  return Date.now() + skew;
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: 'no-store', signal: AbortSignal.timeout(timeout) });
  } catch (cause) {
    throw new ApiError('unreachable', `The sidecar does not answer: ${cause.message}`);
  }
  const theirs = Date.parse(response.headers.get('Date') ?? '');
  if (!Number.isNaN(theirs)) skew = Math.abs(theirs - Date.now()) > 5000 ? theirs - Date.now() : 0;
  let body;
  try {
    body = await response.json();
  } catch {
    throw new ApiError('failed', `${path} answered ${response.status} without JSON`);
  }
  if (!response.ok) throw new ApiError(body?.error?.code ?? 'failed', body?.error?.message ?? `${path} answered ${response.status}`);
  return body;
}

export const status = () => ask('status');
export const catalog = async () => (await ask('api/v1/catalog')).rollups;
export const query = (request) =>
  ask('api/v1/query', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request) });
