import { type TidemarkQuery } from './types';

/** The form in which queries are saved. */
export const QUERY_VERSION = 1;

/**
 * Brings a saved query up to date. The first form had no version, and everything in it means the same in version 1. Alert
 * rules are evaluated from what is saved, so the backend reads every version too. A form that is not known yet stays as it is.
 */
export function migrate<T extends Pick<TidemarkQuery, 'version'>>(query: T): T {
  return isNewer(query) ? query : { ...query, version: QUERY_VERSION };
}

/** Whether a query was saved in a form that a later version of the plugin brought. */
export function isNewer({ version = 0 }: Pick<TidemarkQuery, 'version'>): boolean {
  return version > QUERY_VERSION;
}
