import { type PanelData } from '@grafana/data';
import { Text } from '@grafana/ui';
import { readingOf } from '../reading';
import { type Rollup, type TidemarkQuery } from '../types';

interface Props {
  query: TidemarkQuery;
  /** The rollup that is asked, where it is known. */
  rollup?: Rollup;
  /** The answer that the panel shows. */
  data?: PanelData;
}

/** What the query reads, in words. */
export function ReadingLine({ query, rollup, data }: Props) {
  return (
    <Text element="p" variant="bodySmall" color="secondary">
      {readingOf(query, rollup, data).join(' · ')}
    </Text>
  );
}
