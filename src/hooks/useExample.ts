import { useEffect } from 'react';
import { type ExampleBox } from '../examples';
import { type TidemarkQuery } from '../types';

/** Runs an example when the editor has it: Grafana fills it in without running it. */
export function useExample(box: ExampleBox, query: TidemarkQuery, onRunQuery: () => void) {
  useEffect(() => {
    if (box.take(query)) {
      onRunQuery();
    }
  }, [box, query, onRunQuery]);
}
