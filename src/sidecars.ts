import { type TidemarkOptions } from './types';

/** The addresses of the sidecars, also where they were provisioned as one text. */
export function sidecarUrls({ sidecarUrls: urls = [] }: TidemarkOptions): string[] {
  return typeof urls === 'string' ? parseUrls(urls) : urls;
}

/** Addresses that were written one a line, or with commas or spaces between. */
export function parseUrls(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))];
}

/** Whether the backend can ask there. */
export function isAddress(url: string): boolean {
  return /^https?:\/\/[^\s/?#@]+([/?#]\S*)?$/i.test(url);
}

/** Whether what is sent there can be read on the way to another machine. */
export function isPlain(url: string): boolean {
  return /^http:\/\/(?!localhost\b|127\.|\[::1\])/i.test(url);
}
