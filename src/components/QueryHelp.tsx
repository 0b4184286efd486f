import { css } from '@emotion/css';
import { type GrafanaTheme2, type QueryEditorHelpProps } from '@grafana/data';
import { Button, Text, useStyles2 } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { examplesOf } from '../examples';
import { useRollups } from '../hooks/useRollups';
import { t } from '../i18n';
import { displayText } from '../query';
import { type TidemarkQuery } from '../types';

/** Queries to begin with, by what people want to know. */
export function QueryHelp({ datasource: api, query, onClickExample }: QueryEditorHelpProps<TidemarkQuery>) {
  const datasource = api as unknown as TidemarkDataSource;
  const styles = useStyles2(getStyles);
  const id = useId();
  const { rollups } = useRollups(datasource);
  const chosenFirst = [...rollups].sort((a, b) => Number(b.name === query.rollup) - Number(a.name === query.rollup));
  const examples = examplesOf(chosenFirst);
  const ask = (example: TidemarkQuery) => {
    datasource.examples.put(example);
    onClickExample(example);
  };
  if (examples.length === 0) {
    return (
      <Text element="p" variant="bodySmall" color="secondary">
        {t('query-help.none', 'Examples are here as soon as the data source has rollups.')}
      </Text>
    );
  }
  return (
    <>
      <Text element="h2" variant="h5" id={id}>
        {t('query-help.title', 'What do you want to know?')}
      </Text>
      <ul className={styles.examples} aria-labelledby={id}>
        {examples.map((example) => (
          <li key={example.question}>
            <Button variant="secondary" size="sm" fill="outline" onClick={() => ask(example.query)}>
              {example.question}
            </Button>
            <div>
              <Text variant="bodySmall">{displayText(example.query)}</Text>{' '}
              <Text variant="bodySmall" color="secondary">
                {example.explanation}
              </Text>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  examples: css({
    display: 'grid',
    gridTemplateColumns: 'max-content 1fr',
    alignItems: 'center',
    gap: theme.spacing(1),
    margin: theme.spacing(1, 0),
    listStyle: 'none',
    '& > li': { display: 'contents' },
  }),
});
