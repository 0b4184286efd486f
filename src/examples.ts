import { toCode } from './code';
import { t } from './i18n';
import { largest } from './newQuery';
import { withDefaults } from './query';
import { type Rollup, type TidemarkQuery } from './types';

/** Something that people want to know, and the query that tells it. */
export interface Example {
  question: string;
  explanation: string;
  query: TidemarkQuery;
}

interface Recipe extends Pick<Example, 'question' | 'explanation'> {
  /** Asks a rollup; undefined where it cannot tell. */
  ask: (rollup: Rollup) => Partial<TidemarkQuery> | undefined;
}

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

/** What can be asked of the rollups, each of the first one that can tell it. */
export function examplesOf(rollups: Rollup[]): Example[] {
  return recipes().flatMap(({ question, explanation, ask }) => {
    const [query] = rollups.flatMap((rollup) => {
      const asked = ask(rollup);
      return asked ? [withDefaults({ refId: 'A', ...asked, rollup: rollup.name })] : [];
    });
    return query ? [{ question, explanation, query }] : [];
  });
}

function recipes(): Recipe[] {
  return [
    {
      question: t('examples.written', 'How much is written?'),
      explanation: t('examples.written-text', 'Without a dimension there is one series of all events.'),
      ask: () => ({ stat: 'rate' }),
    },
    {
      question: t('examples.writers', 'Who writes most?'),
      explanation: t('examples.writers-text', 'The ten largest series of a dimension, and one of everything else.'),
      ask: largest,
    },
    {
      question: t('examples.silent', 'Who has stopped?'),
      explanation: t('examples.silent-text', 'Series that had events in the last day stay, at zero.'),
      ask: ({ dimensions: [dimension] }) => (dimension ? { groupBy: [dimension], lookback: '1d' } : undefined),
    },
    {
      question: t('examples.share', 'How large is the share of errors?'),
      explanation: t('examples.share-text', 'Events that met a condition, divided by all.'),
      ask: ({ conditions: [condition] }) => (condition ? { stat: 'ratio', condition } : undefined),
    },
    {
      question: t('examples.slowest', 'How slow are the slowest?'),
      explanation: t('examples.slowest-text', 'One event of a hundred is above the 99th percentile of a measure.'),
      ask: ({ percentiles: [measure] }) => (measure ? { stat: 'percentile', percentile: 99, measure } : undefined),
    },
    {
      question: t('examples.yesterday', 'How was it yesterday?'),
      explanation: t('examples.yesterday-text', 'Add it beside the same query without the shift to compare the days.'),
      ask: () => ({ stat: 'count', shift: '1d' }),
    },
    {
      question: t('examples.now', 'What happens right now?'),
      explanation: t('examples.now-text', 'The panel goes on by itself, with a range such as the last five minutes.'),
      ask: () => ({ stat: 'rate', read: 'stream' }),
    },
  ];
}
