import { useEffect } from 'react';
import { toCode } from '../code';
import { type TidemarkQuery } from '../types';

/** Carries an example from the help to the editor beside it, which Grafana connects by the data source only. */
export class ExampleBox {
  private chosen?: string;

  put(query: TidemarkQuery) {
    this.chosen = toCode(query);
  }

  /** Whether a query is the example that was put here; it is so once. */
  take(query: TidemarkQuery): boolean {
    if (this.chosen === undefined || this.chosen !== toCode(query)) {
      return false;
    }
    this.chosen = undefined;
    return true;
  }
}

/** Runs an example when the editor has it: Grafana fills it in without running it. */
export function useExample(box: ExampleBox, query: TidemarkQuery, onRunQuery: () => void) {
  useEffect(() => {
    if (box.take(query)) {
      onRunQuery();
    }
  }, [box, query, onRunQuery]);
}
