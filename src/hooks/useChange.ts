import { useEffect, useRef } from 'react';

/**
 * Passes a query on only where it differs from the latest one. @grafana/ui's menus may report one choice several times
 * before the page shows it, and every report would run the query again.
 */
export function useChange<T>(query: T, onChange: (next: T) => void): (next: T) => void {
  const latest = useRef(JSON.stringify(query));
  const shown = JSON.stringify(query);

  useEffect(() => {
    latest.current = shown;
  }, [shown]);

  return (next) => {
    const text = JSON.stringify(next);
    if (text !== latest.current) {
      latest.current = text;
      onChange(next);
    }
  };
}
