import { type QueryEditorProps } from '@grafana/data';
import { type ComboboxOption, Stack } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { useChange } from '../hooks/useChange';
import { variableOptions } from '../hooks/useDimensionValues';
import { rollupPlaceholder, useRollups } from '../hooks/useRollups';
import { t } from '../i18n';
import { isComplete, withDefaults } from '../query';
import { type AnnotationKind, type TidemarkOptions, type TidemarkQuery } from '../types';
import { Choice } from './Choice';
import { Clause } from './Clause';
import { rollupOptions } from './options';
import { PillsField } from './PillsField';
import { RollupsMessage } from './RollupsMessage';

type Props = QueryEditorProps<TidemarkDataSource, TidemarkQuery, TidemarkOptions>;

/** What an annotation marks on the time axes of a dashboard, and of which rollup. */
export function AnnotationQueryEditor({ datasource, query: stored, onChange, onRunQuery }: Props) {
  const id = useId();
  const state = useRollups(datasource);
  const query = { ...withDefaults(stored), queryType: 'annotations' };
  const options = kinds();
  const chosen = options.filter(({ value }) => query.kinds?.includes(value) ?? true);

  const change = useChange(query, (next) => {
    onChange(next);
    if (isComplete(next)) {
      onRunQuery();
    }
  });

  return (
    <Stack direction="column" gap={1}>
      <RollupsMessage state={state} rollup={datasource.interpolate(query.rollup)} />
      <Stack wrap="wrap" gap={1}>
        <Clause
          word={t('annotation-editor.kinds.word', 'Mark')}
          name={t('annotation-editor.kinds.name', 'what happened')}
          labelId={`${id}kinds-label`}
          tooltip={t(
            'annotation-editor.kinds.tooltip',
            'What changed the values of the rollup, or still will. Each kind has a tag of its own.'
          )}
        >
          <PillsField
            labelId={`${id}kinds-label`}
            placeholder={t('annotation-editor.kinds.placeholder', 'Choose what to mark')}
            options={options}
            value={chosen}
            onChange={(values) => change({ ...query, kinds: values as AnnotationKind[] })}
            minWidth={30}
            maxWidth={80}
          />
        </Clause>
        <Choice
          word={t('annotation-editor.rollup.word', 'of')}
          name={t('annotation-editor.rollup.name', 'rollup')}
          tooltip={t('annotation-editor.rollup.tooltip', 'The rollup whose panels the marks explain.')}
          placeholder={rollupPlaceholder(state)}
          options={[...rollupOptions(state.rollups), ...variableOptions(datasource)]}
          value={query.rollup || null}
          onChange={(rollup) => change({ ...query, rollup })}
          minWidth={32}
        />
      </Stack>
    </Stack>
  );
}

function kinds(): Array<ComboboxOption<AnnotationKind>> {
  return [
    {
      value: 'corrections',
      label: t('annotation-editor.kind.corrections.label', 'Late corrections'),
      description: t('annotation-editor.kind.corrections.description', 'Windows that late events have changed'),
    },
    {
      value: 'redefinitions',
      label: t('annotation-editor.kind.redefinitions.label', 'Redefinitions'),
      description: t(
        'annotation-editor.kind.redefinitions.description',
        'When another definition of the rollup came into force'
      ),
    },
    {
      value: 'restarts',
      label: t('annotation-editor.kind.restarts.label', 'Restarts'),
      description: t('annotation-editor.kind.restarts.description', 'When partitions were counted again from Kafka'),
    },
    {
      value: 'unsealed',
      label: t('annotation-editor.kind.unsealed.label', 'Not sealed'),
      description: t(
        'annotation-editor.kind.unsealed.description',
        'The time after the tidemark, whose values still change'
      ),
    },
  ];
}
