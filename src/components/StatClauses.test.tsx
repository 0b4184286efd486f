import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { choices, choose, open } from '../test/choose';
import { showEditor } from '../test/editor';
import { type TidemarkQuery } from '../types';

const statField = 'Show statistic';

// The menu of @grafana/ui disables the hints in a way that its own library warns of.
beforeEach(() => {
  jest.spyOn(console, 'warn').mockImplementation(() => {});
});

test('only what the rollup can give is offered, and the rest is said with its reason', async () => {
  const { onChange } = await showEditor({ rollup: 'requests' });
  await open(statField);
  await screen.findByRole('option', { name: /Count/ });
  expect(choices()).toEqual([
    'CountNumber of events',
    'RateEvents per second',
    'BytesSize of the events',
    'DeltaRise since the point before',
    expect.stringMatching(/^Average, Maximum, Minimum, Sum: the rollup has no measures/),
    expect.stringMatching(/^Percentile: the rollup has no percentiles/),
    expect.stringMatching(/^Distinct: the rollup has no distinct/),
    expect.stringMatching(/^Ratio: the rollup has no conditions/),
  ]);
  await userEvent.keyboard('no conditions{Enter}');
  expect(onChange).not.toHaveBeenCalled();
  expect(screen.getByRole('combobox', { name: statField })).toHaveValue('Count');
  expect(screen.getByRole('combobox', { name: statField })).toHaveFocus();
});

test('a statistic that the rollup lacks stays visible while it is chosen', async () => {
  await showEditor({ rollup: 'requests', stat: 'percentile' });
  expect(screen.getByRole('combobox', { name: statField })).toHaveValue('Percentile');
});

describe('a percentile', () => {
  test('is of a measure that percentiles are kept of, and 95 at first', async () => {
    const { changed } = await showEditor();
    await choose(statField, /^Percentile/);
    expect(changed()).toMatchObject({ stat: 'percentile', measure: 'took', percentile: 95 });
    await open('of measure');
    await screen.findByRole('option', { name: 'took' });
    expect(choices()).toEqual(['took']);
  });

  test('takes a fraction on Enter', async () => {
    const { changed } = await showEditor({ stat: 'percentile', measure: 'took', percentile: 95 });
    const field = screen.getByRole('textbox', { name: 'at percent' });
    await userEvent.clear(field);
    await userEvent.type(field, '99.9{Enter}');
    expect(changed()).toMatchObject({ percentile: 99.9 });
  });

  test.each([
    [100, false],
    ['$p', false],
    [0, true],
    ['p95', true],
  ])('%p is marked as wrong: %p', async (percentile, wrong) => {
    await showEditor({ stat: 'percentile', measure: 'took', percentile });
    const field = screen.getByRole('textbox', { name: 'at percent' });
    expect(field.getAttribute('aria-invalid') === 'true').toBe(wrong);
  });
});

test('distinct values are of a field that the rollup counts them of', async () => {
  const { changed } = await showEditor({ stat: 'avg', measure: 'offset' });
  await choose(statField, /^Distinct/);
  expect(changed()).toMatchObject({ stat: 'distinct', measure: 'users' });
});

test('the rise is of a measure or of the count', async () => {
  const { changed } = await showEditor();
  await choose(statField, /^Delta/);
  expect(screen.getByRole('combobox', { name: 'of measure' })).toHaveValue('all events');
  await choose('of measure', 'took');
  expect(changed()).toMatchObject({ stat: 'delta', measure: 'took' });
  await choose('of measure', 'all events');
  expect(changed()?.measure).toBeUndefined();
});

describe('conditions', () => {
  test.each<TidemarkQuery['stat']>(['count', 'rate'])('narrow the events of a %s', async (stat) => {
    const { changed } = await showEditor({ stat });
    await choose('of events', 'errors');
    expect(changed()).toMatchObject({ stat, condition: 'errors' });
    await choose('of events', 'all events');
    expect(changed()?.condition).toBeUndefined();
  });

  test('are not asked for where the rollup has none', async () => {
    await showEditor({ rollup: 'requests' });
    expect(screen.queryByRole('combobox', { name: 'of events' })).not.toBeInTheDocument();
  });

  test('of a ratio are one over all events, or over another one', async () => {
    const { changed } = await showEditor();
    await choose(statField, /^Ratio/);
    expect(changed()).toMatchObject({ stat: 'ratio', condition: 'errors' });
    await choose('of condition', 'slow');
    await choose('over what it is divided by', 'errors');
    expect(changed()).toMatchObject({ condition: 'slow', over: 'errors' });
    await choose('over what it is divided by', 'all events');
    expect(changed()?.over).toBeUndefined();
  });

  test('go with a statistic that takes none', async () => {
    const { changed } = await showEditor({ stat: 'ratio', condition: 'slow', over: 'errors' });
    await choose(statField, /^Bytes/);
    expect(changed()?.condition).toBeUndefined();
    expect(changed()?.over).toBeUndefined();
  });
});
