import { type TimeRange } from '@grafana/data';
import { Button, Stack } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { isRegex, operatorOptions, takesValues, valueLabel, withOperator } from '../filter';
import { useDimensionValues, variableOptions } from '../hooks/useDimensionValues';
import { t } from '../i18n';
import { type Filter } from '../types';
import { Clause, HiddenLabel } from './Clause';
import { CommitInput } from './CommitInput';
import { Menu } from './Menu';
import { toOptions } from './options';
import { PillsField } from './PillsField';

const EXAMPLE = 'web-[0-9]+';

interface Props {
  datasource: TidemarkDataSource;
  rollup: string;
  dimensions: string[];
  filters: Filter[];
  range?: TimeRange;
  onChange: (filters: Filter[]) => void;
}

/** The conditions of a query: every one of them holds. */
export function Filters({ filters, dimensions, onChange, ...context }: Props) {
  const unused = dimensions.find((name) => !filters.some(({ dimension }) => dimension === name));
  const add = () => onChange([...filters, { dimension: unused ?? dimensions[0] ?? '', op: '=', values: [] }]);
  return (
    <Stack direction="column" gap={1}>
      {filters.map((filter, index) => (
        <FilterRow
          key={index}
          {...context}
          index={index}
          filter={filter}
          dimensions={dimensions}
          onChange={(changed) => onChange(filters.map((other, at) => (at === index ? changed : other)))}
          onRemove={() => onChange(filters.filter((_, at) => at !== index))}
        />
      ))}
      <div>
        <Button size="sm" variant="secondary" icon="plus" onClick={add} disabled={dimensions.length === 0}>
          {filters.length === 0 ? t('filters.add', 'Add a filter') : t('filters.add-another', 'Add another filter')}
        </Button>
      </div>
    </Stack>
  );
}

interface FilterRowProps extends Omit<Props, 'filters' | 'onChange'> {
  index: number;
  filter: Filter;
  onChange: (filter: Filter) => void;
  onRemove: () => void;
}

function FilterRow({ dimensions, index, filter, onChange, onRemove, ...context }: FilterRowProps) {
  const id = useId();
  const number = index + 1;
  return (
    <Stack wrap="wrap" gap={0.5} alignItems="center">
      <Clause
        word={index === 0 ? t('filters.where', 'where') : t('filters.and', 'and')}
        name={t('filters.dimension', 'dimension of filter {{number}}', { number })}
        labelId={`${id}dimension-label`}
        htmlFor={`${id}dimension`}
        tooltip={t(
          'filters.dimension-tooltip',
          'Only events whose dimension fits. A filter without a value is left out, and so is one by a variable that is set to All.'
        )}
      >
        <Menu
          id={`${id}dimension`}
          labelId={`${id}dimension-label`}
          placeholder={t('filters.dimension-placeholder', 'Choose a dimension')}
          options={[...toOptions(dimensions), ...variableOptions(context.datasource)]}
          value={filter.dimension || null}
          onChange={(dimension) => onChange({ dimension, op: filter.op, values: [] })}
          minWidth={12}
        />
      </Clause>
      <HiddenLabel id={`${id}op-label`} htmlFor={`${id}op`}>
        {t('filters.operator', 'operator of filter {{number}}', { number })}
      </HiddenLabel>
      <Menu
        id={`${id}op`}
        labelId={`${id}op-label`}
        options={operatorOptions(filter)}
        value={filter.op}
        onChange={(op) => onChange(withOperator(filter, op))}
        hint={t('filters.operator-hint', 'An expression has to match the whole value')}
        minWidth={9}
      />
      {takesValues(filter.op) && (
        <FilterValues id={id} number={number} filter={filter} onChange={onChange} {...context} />
      )}
      <Button
        variant="secondary"
        fill="text"
        icon="times"
        tooltip={t('filters.remove-tooltip', 'Remove this filter')}
        aria-label={t('filters.remove', 'Remove filter {{number}}', { number })}
        onClick={onRemove}
      />
    </Stack>
  );
}

interface FilterValuesProps extends Pick<FilterRowProps, 'datasource' | 'rollup' | 'range' | 'filter' | 'onChange'> {
  /** What the ids of the row begin with. */
  id: string;
  number: number;
}

/** What an operator compares with: values to choose, or an expression to type. */
function FilterValues({ id, number, datasource, rollup, range, filter, onChange }: FilterValuesProps) {
  const loadValues = useDimensionValues(datasource, rollup, filter.dimension, range);
  return (
    <>
      <HiddenLabel id={`${id}values-label`} htmlFor={isRegex(filter.op) ? `${id}values` : undefined}>
        {isRegex(filter.op)
          ? t('filters.expression', 'expression of filter {{number}}', { number })
          : t('filters.values', 'values of filter {{number}}', { number })}
      </HiddenLabel>
      {isRegex(filter.op) ? (
        <CommitInput
          id={`${id}values`}
          value={filter.values[0] ?? ''}
          placeholder={EXAMPLE}
          minWidth={24}
          maxWidth={80}
          onCommit={(pattern) => onChange({ ...filter, values: pattern ? [pattern] : [] })}
        />
      ) : (
        <PillsField
          key={`${rollup} ${filter.dimension}`}
          labelId={`${id}values-label`}
          placeholder={t('filters.values-placeholder', 'Choose or type values')}
          options={loadValues}
          value={filter.values.map((value) => ({ value, label: valueLabel(value) }))}
          onChange={(values) => onChange({ ...filter, values })}
          createCustomValue
          minWidth={28}
          maxWidth={64}
        />
      )}
    </>
  );
}
