import { type QueryEditorProps } from '@grafana/data';
import { Combobox, Field, Stack } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { variableOptions } from '../hooks/useDimensionValues';
import { useChange } from '../hooks/useChange';
import { useRollups } from '../hooks/useRollups';
import { type TidemarkOptions, type TidemarkQuery, type TidemarkVariableQuery, type VariableKind } from '../types';
import { CommitInput } from './CommitInput';
import { RollupsMessage } from './RollupsMessage';

type Props = QueryEditorProps<TidemarkDataSource, TidemarkQuery, TidemarkOptions, TidemarkVariableQuery>;

const KINDS: Array<{ value: VariableKind; label: string; description: string }> = [
  { value: 'values', label: 'Values of a dimension', description: 'Such as every host' },
  { value: 'dimensions', label: 'Dimensions of a rollup', description: 'To choose what to group by' },
  { value: 'measures', label: 'Measures of a rollup', description: 'To choose what to aggregate' },
  { value: 'rollups', label: 'Rollups', description: 'To choose what to read' },
];

const toOptions = (names: string[]) => names.map((value) => ({ value, label: value }));

/** What a dashboard variable lists. */
export function VariableQueryEditor({ datasource, query: stored, onChange, onRunQuery }: Props) {
  const id = useId();
  const state = useRollups(datasource);
  const query: TidemarkVariableQuery = { ...stored, kind: stored.kind ?? 'values' };
  const variables = variableOptions(datasource);
  const rollupName = datasource.interpolate(query.rollup ?? '');
  const dimensions = state.rollups.find(({ name }) => name === rollupName)?.dimensions ?? [];

  const changeQuery = useChange(query, (next) => {
    onChange(next);
    onRunQuery();
  });
  const update = (change: Partial<TidemarkVariableQuery>) => changeQuery({ ...query, ...change });

  return (
    <Stack direction="column" gap={0}>
      <Field label="List" description="What the variable offers." htmlFor={`${id}kind`}>
        <Combobox
          id={`${id}kind`}
          options={KINDS}
          value={query.kind}
          onChange={({ value }) => update({ kind: value })}
          width={40}
        />
      </Field>
      {query.kind !== 'rollups' && (
        <Field label="Rollup" description="The rollup to look in." htmlFor={`${id}rollup`}>
          <Combobox
            id={`${id}rollup`}
            placeholder={state.loading ? 'Loading…' : 'Choose a rollup'}
            options={[...toOptions(state.rollups.map(({ name }) => name)), ...variables]}
            value={query.rollup ?? null}
            onChange={({ value }) => update({ rollup: value })}
            width={40}
          />
        </Field>
      )}
      {query.kind === 'values' && (
        <>
          <Field
            label="Dimension"
            description="Its values in the dashboard's time range are listed, the most frequent first."
            htmlFor={`${id}dimension`}
          >
            <Combobox
              id={`${id}dimension`}
              placeholder="Choose a dimension"
              options={[...toOptions(dimensions), ...variables]}
              value={query.dimension ?? null}
              onChange={({ value }) => update({ dimension: value })}
              width={40}
            />
          </Field>
          <Field
            label="Containing"
            description="Only values that contain this text. Empty: every value."
            htmlFor={`${id}search`}
          >
            <CommitInput
              id={`${id}search`}
              value={query.search ?? ''}
              placeholder="any text"
              minWidth={40}
              maxWidth={80}
              onCommit={(search) => update({ search: search || undefined })}
            />
          </Field>
        </>
      )}
      <RollupsMessage state={state} rollup={query.kind === 'rollups' ? '' : rollupName} />
    </Stack>
  );
}
