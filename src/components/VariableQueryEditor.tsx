import { type QueryEditorProps } from '@grafana/data';
import { type ComboboxOption, Field, Stack } from '@grafana/ui';
import { type ComponentProps, useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { useChange } from '../hooks/useChange';
import { variableOptions } from '../hooks/useDimensionValues';
import { rollupPlaceholder, useRollups } from '../hooks/useRollups';
import { t } from '../i18n';
import { fitVariable } from '../query';
import { type TidemarkOptions, type TidemarkQuery, type TidemarkVariableQuery, type VariableKind } from '../types';
import { CommitInput } from './CommitInput';
import { Filters } from './Filters';
import { Menu } from './Menu';
import { rollupOptions, toOptions } from './options';
import { RollupsMessage } from './RollupsMessage';

type Props = QueryEditorProps<TidemarkDataSource, TidemarkQuery, TidemarkOptions, TidemarkVariableQuery>;

const EXAMPLE = 'web-[0-9]+';

/** What a dashboard variable lists. */
export function VariableQueryEditor({ datasource, query: stored, range, onChange, onRunQuery }: Props) {
  const state = useRollups(datasource);
  const query: TidemarkVariableQuery = { ...stored, kind: stored.kind ?? 'values' };
  const variables = variableOptions(datasource);
  const rollupName = datasource.interpolate(query.rollup ?? '');
  const find = (wanted: string) => state.rollups.find(({ name }) => name === wanted);
  const dimensions = find(rollupName)?.dimensions ?? [];

  const changeQuery = useChange(query, (next) => {
    onChange(next);
    onRunQuery();
  });
  const update = (change: Partial<TidemarkVariableQuery>) => changeQuery({ ...query, ...change });

  const changeRollup = (name: string) => {
    const next = find(datasource.interpolate(name));
    changeQuery({ ...(next ? fitVariable(query, next) : query), rollup: name });
  };

  return (
    <Stack direction="column" gap={0}>
      <RollupsMessage state={state} rollup={query.kind === 'rollups' ? '' : rollupName} />
      <MenuField
        label={t('variable-editor.kind.label', 'List')}
        description={t('variable-editor.kind.description', 'What the variable offers.')}
        options={kinds()}
        value={query.kind}
        onChange={(kind) => update({ kind })}
      />
      {query.kind !== 'rollups' && (
        <MenuField
          label={t('variable-editor.rollup.label', 'Rollup')}
          description={t('variable-editor.rollup.description', 'The rollup to look in.')}
          placeholder={rollupPlaceholder(state)}
          options={[...rollupOptions(state.rollups), ...variables]}
          value={query.rollup}
          onChange={changeRollup}
          hint={t('variable-editor.rollup.hint', 'Another one keeps the dimension and the filters that it has too')}
        />
      )}
      {query.kind === 'values' && (
        <>
          <MenuField
            label={t('variable-editor.dimension.label', 'Dimension')}
            description={t(
              'variable-editor.dimension.description',
              "Its values in the dashboard's time range are listed, the most frequent first."
            )}
            placeholder={t('variable-editor.dimension.placeholder', 'Choose a dimension')}
            options={[...toOptions(dimensions), ...variables]}
            value={query.dimension}
            onChange={(dimension) => update({ dimension })}
          />
          <TextField
            label={t('variable-editor.search.label', 'Containing')}
            description={t(
              'variable-editor.search.description',
              "Only values that contain this text. $__searchFilter stands for what is typed into the variable's menu, which finds the values beyond the 1,000 most frequent. Empty: every value."
            )}
            placeholder={t('variable-editor.search.placeholder', 'any text')}
            value={query.search}
            onCommit={(search) => update({ search })}
          />
          <TextField
            label={t('variable-editor.regex.label', 'Matching')}
            description={t(
              'variable-editor.regex.description',
              'Only values that match this regular expression as a whole. Empty: every value.'
            )}
            placeholder={EXAMPLE}
            value={query.regex}
            onCommit={(regex) => update({ regex })}
          />
          <Field
            label={t('variable-editor.filters.label', 'Of events')}
            description={t(
              'variable-editor.filters.description',
              'Only the values of events that the filters keep; other variables work in them.'
            )}
          >
            <Filters
              datasource={datasource}
              rollup={query.rollup ?? ''}
              dimensions={dimensions}
              filters={query.filters ?? []}
              range={range}
              onChange={(filters) => update({ filters: filters.length > 0 ? filters : undefined })}
            />
          </Field>
        </>
      )}
    </Stack>
  );
}

interface MenuFieldProps<T extends string> extends Omit<ComponentProps<typeof Menu<T>>, 'id' | 'value' | 'minWidth'> {
  label: string;
  description: string;
  value?: T;
}

function MenuField<T extends string>({ label, description, value, ...props }: MenuFieldProps<T>) {
  const id = useId();
  return (
    <Field label={label} description={description} htmlFor={id}>
      <Menu {...props} id={id} value={value ?? null} minWidth={40} />
    </Field>
  );
}

interface TextFieldProps {
  label: string;
  description: string;
  placeholder: string;
  value?: string;
  onCommit: (value: string | undefined) => void;
}

function TextField({ label, description, placeholder, value = '', onCommit }: TextFieldProps) {
  const id = useId();
  return (
    <Field label={label} description={description} htmlFor={id}>
      <CommitInput
        id={id}
        value={value}
        placeholder={placeholder}
        minWidth={40}
        maxWidth={80}
        onCommit={(text) => onCommit(text || undefined)}
      />
    </Field>
  );
}

function kinds(): Array<ComboboxOption<VariableKind>> {
  return [
    {
      value: 'values',
      label: t('variable-editor.kind.values.label', 'Values of a dimension'),
      description: t('variable-editor.kind.values.description', 'Such as every host'),
    },
    {
      value: 'dimensions',
      label: t('variable-editor.kind.dimensions.label', 'Dimensions of a rollup'),
      description: t('variable-editor.kind.dimensions.description', 'To choose what to group by'),
    },
    {
      value: 'measures',
      label: t('variable-editor.kind.measures.label', 'Measures of a rollup'),
      description: t('variable-editor.kind.measures.description', 'To choose what to aggregate'),
    },
    {
      value: 'percentiles',
      label: t('variable-editor.kind.percentiles.label', 'Percentile measures of a rollup'),
      description: t('variable-editor.kind.percentiles.description', 'To choose what to show percentiles of'),
    },
    {
      value: 'conditions',
      label: t('variable-editor.kind.conditions.label', 'Conditions of a rollup'),
      description: t('variable-editor.kind.conditions.description', 'To choose which events to count'),
    },
    {
      value: 'distinct',
      label: t('variable-editor.kind.distinct.label', 'Distinct fields of a rollup'),
      description: t('variable-editor.kind.distinct.description', 'To choose whose values to count'),
    },
    {
      value: 'tiers',
      label: t('variable-editor.kind.tiers.label', 'Tiers of a rollup'),
      description: t('variable-editor.kind.tiers.description', 'To choose the length of the windows'),
    },
    {
      value: 'rollups',
      label: t('variable-editor.kind.rollups.label', 'Rollups'),
      description: t('variable-editor.kind.rollups.description', 'To choose what to read'),
    },
  ];
}
