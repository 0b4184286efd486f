import { type Settings } from './auth';

/** A header of the requests to the cluster, by its number in the settings. */
export interface Header {
  number: number;
  name: string;
  /** What was typed, as far as it is not stored yet. */
  value: string;
  isStored: boolean;
}

const NAME = /^httpHeaderName(\d+)$/;

/** The headers that have a name or a value, or whose number is among those that are being written. */
export function headers({ jsonData, secureJsonData, secureJsonFields }: Settings, written: number[]): Header[] {
  const numbers = Object.keys(jsonData).flatMap((key) => NAME.exec(key)?.[1] ?? []);
  return [...new Set([...numbers.map(Number), ...written])]
    .sort((a, b) => a - b)
    .map((number) => ({
      number,
      name: jsonData[`httpHeaderName${number}`] ?? '',
      value: secureJsonData?.[`httpHeaderValue${number}`] ?? '',
      isStored: Boolean(secureJsonFields[`httpHeaderValue${number}`]),
    }))
    .filter(({ number, name, value, isStored }) => name || value || isStored || written.includes(number));
}

/** The lowest number that no header has. */
export function freeNumber(taken: Header[]): number {
  const numbers = taken.map(({ number }) => number);
  return [...Array(taken.length + 1).keys()].map((i) => i + 1).find((number) => !numbers.includes(number)) ?? 1;
}

/**
 * The settings with one header changed. Stored values stay where they are, since nobody can read them to move them: a header that is removed leaves an empty name,
 * because the backend reads the numbers up to the first that has none.
 */
export function withHeader(settings: Settings, { number, name, value, isStored }: Header): Settings {
  return {
    ...settings,
    jsonData: { ...settings.jsonData, [`httpHeaderName${number}`]: name },
    secureJsonData: isStored
      ? settings.secureJsonData
      : { ...settings.secureJsonData, [`httpHeaderValue${number}`]: value },
    secureJsonFields: { ...settings.secureJsonFields, [`httpHeaderValue${number}`]: isStored },
  };
}
