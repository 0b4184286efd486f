import { type QueryEditorProps } from '@grafana/data';
import { Stack } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { useChange } from '../hooks/useChange';
import { variableOptions } from '../hooks/useDimensionValues';
import { useRollups } from '../hooks/useRollups';
import { isComplete, withDefaults } from '../query';
import { type AnnotationKind, type TidemarkOptions, type TidemarkQuery } from '../types';
import { Choice } from './Choice';
import { Clause } from './Clause';
import { rollupOptions } from './options';
import { PillsField } from './PillsField';
import { RollupsMessage } from './RollupsMessage';

type Props = QueryEditorProps<TidemarkDataSource, TidemarkQuery, TidemarkOptions>;

const KINDS: Array<{ value: AnnotationKind; label: string; description: string }> = [
  { value: 'corrections', label: 'Late corrections', description: 'Windows that late events have changed' },
  {
    value: 'redefinitions',
    label: 'Redefinitions',
    description: 'When another definition of the rollup came into force',
  },
  { value: 'restarts', label: 'Restarts', description: 'When partitions were counted again from Kafka' },
  { value: 'unsealed', label: 'Not sealed', description: 'The time after the tidemark, whose values still change' },
];

/** What an annotation marks on the time axes of a dashboard, and of which rollup. */
export function AnnotationQueryEditor({ datasource, query: stored, onChange, onRunQuery }: Props) {
  const id = useId();
  const state = useRollups(datasource);
  const query = { ...withDefaults(stored), queryType: 'annotations' };
  const kinds = query.kinds ?? KINDS.map(({ value }) => value);

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
          word="Mark"
          name="what happened"
          labelId={`${id}kinds-label`}
          tooltip="What changed the values of the rollup, or still will. Each kind has a tag of its own."
        >
          <PillsField
            labelId={`${id}kinds-label`}
            placeholder="Choose what to mark"
            options={KINDS}
            value={KINDS.filter(({ value }) => kinds.includes(value))}
            onChange={(chosen) => change({ ...query, kinds: chosen as AnnotationKind[] })}
            minWidth={30}
            maxWidth={80}
          />
        </Clause>
        <Choice
          word="of"
          name="rollup"
          tooltip="The rollup whose panels the marks explain."
          placeholder={state.loading ? 'Loading…' : 'Choose a rollup'}
          options={[...rollupOptions(state.rollups), ...variableOptions(datasource)]}
          value={query.rollup || null}
          onChange={(rollup) => change({ ...query, rollup })}
          minWidth={32}
        />
      </Stack>
    </Stack>
  );
}
