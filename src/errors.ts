import { isFetchError } from '@grafana/runtime';

/** The message of a failed request, as a person should read it. */
export function errorMessage(error: unknown): string {
  if (isFetchError<{ message?: string } | undefined>(error)) {
    return error.data?.message ?? error.statusText ?? `HTTP status ${error.status}`;
  }
  return error instanceof Error ? error.message : String(error);
}
