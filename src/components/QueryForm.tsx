import { type TimeRange } from '@grafana/data';
import { Combobox, type ComboboxOption, RadioButtonGroup, Stack } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { variableOptions } from '../hooks/useDimensionValues';
import { type RollupsState } from '../hooks/useRollups';
import { fitToRollup, fitToStat, hasVariable, needsMeasure, STATS } from '../query';
import { type ReadMode, type Rollup, type TidemarkQuery } from '../types';
import { Clause } from './Clause';
import { CommitInput } from './CommitInput';
import { Filters } from './Filters';
import { PillsField } from './PillsField';
import { RollupsMessage } from './RollupsMessage';

const READ_MODES: Array<{ value: ReadMode; label: string; description: string }> = [
  { value: 'live', label: 'Live', description: 'All there is, windows that still change included' },
  { value: 'sealed', label: 'Sealed', description: 'Up to the tidemark: only windows that do not change any more' },
];

interface Props {
  datasource: TidemarkDataSource;
  query: TidemarkQuery;
  range?: TimeRange;
  state: RollupsState;
  onChange: (query: TidemarkQuery) => void;
}

/** The query as a sentence: show what, of which rollup, by what, where, and how much of it. */
export function QueryForm({ datasource, query, range, state, onChange }: Props) {
  const id = useId();
  const variables = variableOptions(datasource);
  const rollupName = datasource.interpolate(query.rollup);
  const rollup = state.rollups.find(({ name }) => name === rollupName);
  const update = (change: Partial<TidemarkQuery>) => onChange({ ...query, ...change });

  const changeRollup = (name: string) => {
    const next = state.rollups.find((listed) => listed.name === datasource.interpolate(name));
    onChange(next ? { ...fitToRollup(query, next), rollup: name } : { ...query, rollup: name });
  };

  return (
    <Stack direction="column" gap={1}>
      <RollupsMessage state={state} rollup={rollupName} />
      <Stack wrap="wrap" gap={1}>
        <Clause
          word="Show"
          name="statistic"
          labelId={`${id}stat-label`}
          htmlFor={`${id}stat`}
          tooltip="What to compute for each point of time. Average, maximum, minimum and sum are of a measure."
        >
          <Combobox
            id={`${id}stat`}
            aria-labelledby={`${id}stat-label`}
            options={statOptions(rollup, query)}
            value={query.stat}
            onChange={({ value }) => onChange(fitToStat({ ...query, stat: value }, rollup))}
            width="auto"
            minWidth={12}
          />
        </Clause>
        {needsMeasure(query.stat) && (
          <Clause
            word="of"
            name="measure"
            labelId={`${id}measure-label`}
            htmlFor={`${id}measure`}
            tooltip="A numeric field that the rollup aggregates."
          >
            <Combobox
              id={`${id}measure`}
              aria-labelledby={`${id}measure-label`}
              placeholder="Choose a measure"
              options={[...toOptions(rollup?.measures ?? []), ...variables]}
              value={query.measure ?? null}
              invalid={!query.measure}
              onChange={({ value }) => update({ measure: value })}
              width="auto"
              minWidth={14}
            />
          </Clause>
        )}
        <Clause
          word="from"
          name="rollup"
          labelId={`${id}rollup-label`}
          htmlFor={`${id}rollup`}
          tooltip="The aggregation that the sidecar keeps. Another rollup keeps what it also has of this query."
        >
          <Combobox
            id={`${id}rollup`}
            aria-labelledby={`${id}rollup-label`}
            placeholder={state.loading ? 'Loading…' : 'Choose a rollup'}
            options={[...rollupOptions(state.rollups), ...variables]}
            value={query.rollup || null}
            onChange={({ value }) => changeRollup(value)}
            width="auto"
            minWidth={32}
          />
        </Clause>
        <Clause
          word="by"
          name="dimensions"
          labelId={`${id}group-label`}
          tooltip="One series for each combination of values. Without a dimension there is one series in all."
        >
          <PillsField
            labelId={`${id}group-label`}
            placeholder="no dimension"
            options={[...toOptions(rollup?.dimensions ?? []), ...variables]}
            value={toOptions(query.groupBy)}
            onChange={(groupBy) => update({ groupBy })}
            minWidth={30}
            maxWidth={60}
          />
        </Clause>
      </Stack>
      <Filters
        datasource={datasource}
        rollup={query.rollup}
        dimensions={rollup?.dimensions ?? []}
        filters={query.filters}
        range={range}
        onChange={(filters) => update({ filters })}
      />
      <Stack wrap="wrap" gap={1}>
        <Clause
          word="Top"
          name="series"
          labelId={`${id}top-label`}
          htmlFor={`${id}top`}
          tooltip="Keep this many series, the largest over the time range. Empty: all that the data source allows."
        >
          <CommitInput
            id={`${id}top`}
            value={String(query.top ?? '')}
            placeholder="all"
            inputMode="numeric"
            invalid={!isTop(query.top)}
            minWidth={8}
            onCommit={(text) => update({ top: toTop(text) })}
          />
        </Clause>
        <Clause
          word="tier"
          name="length"
          labelId={`${id}tier-label`}
          htmlFor={`${id}tier`}
          tooltip="Length of the windows that are read. Auto chooses for the panel's interval."
        >
          <Combobox
            id={`${id}tier`}
            aria-labelledby={`${id}tier-label`}
            options={[{ value: 'auto', label: 'Auto' }, ...toOptions(rollup?.tiers ?? []), ...variables]}
            value={query.tier}
            onChange={({ value }) => update({ tier: value })}
            width="auto"
            minWidth={10}
          />
        </Clause>
        <Clause
          word="read"
          name="mode"
          labelId={`${id}read-label`}
          tooltip="Live shows all there is. Sealed stops at the tidemark, where every window is final: right for alerts."
        >
          <RadioButtonGroup
            id={`${id}read`}
            aria-label="Read mode"
            options={READ_MODES}
            value={query.read ?? 'live'}
            onChange={(read) => update({ read })}
          />
        </Clause>
        <Clause
          word="legend"
          name="format"
          labelId={`${id}alias-label`}
          htmlFor={`${id}alias`}
          tooltip="Name of each series. {{host}} stands for the value of that dimension; {{stat}}, {{measure}} and {{rollup}} work too. Empty: Grafana joins the statistic, the measure and the values of the dimensions."
        >
          <CommitInput
            id={`${id}alias`}
            value={query.alias ?? ''}
            placeholder={defaultLegend(query)}
            minWidth={24}
            maxWidth={60}
            onCommit={(alias) => update({ alias: alias || undefined })}
          />
        </Clause>
      </Stack>
    </Stack>
  );
}

function toOptions(names: string[]): Array<ComboboxOption<string>> {
  return names.map((value) => ({ value, label: value }));
}

function rollupOptions(rollups: Rollup[]): Array<ComboboxOption<string>> {
  return rollups.map(({ name, stream, window, dimensions }) => ({
    value: name,
    label: name,
    description: `${stream}, every ${window}${dimensions.length > 0 ? `, by ${dimensions.join(', ')}` : ''}`,
  }));
}

/** Statistics of a measure are offered where there is one; the chosen one stays visible in any case. */
function statOptions(rollup: Rollup | undefined, query: TidemarkQuery) {
  const hasMeasures = !rollup || rollup.measures.length > 0;
  return STATS.filter(({ value }) => hasMeasures || !needsMeasure(value) || value === query.stat);
}

function toTop(text: string): number | string | undefined {
  return /^\d+$/.test(text) ? Number(text) : text || undefined;
}

function isTop(top: number | string | undefined): boolean {
  return top === undefined || (typeof top === 'string' ? /[$[]/.test(top) : Number.isInteger(top) && top > 0);
}

/** What Grafana names a series by that has no name of its own: the value of a single dimension, or all with their values. */
function defaultLegend({ stat, measure, groupBy }: TidemarkQuery): string {
  const field = needsMeasure(stat) ? `${stat} ${measure ?? '…'}` : stat;
  const [single, ...others] = groupBy;
  if (single === undefined) {
    return field;
  }
  return others.length === 0 && !hasVariable(single)
    ? `${field} <${single}>`
    : `${field} {${groupBy.map((name) => `${name}="…"`).join(', ')}}`;
}
