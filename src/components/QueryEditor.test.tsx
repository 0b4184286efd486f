import { CoreApp } from '@grafana/data';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { choices, choose, open } from '../test/choose';
import { fakeDataSource, logWrites, query, requests } from '../test/fixtures';
import { type TidemarkQuery } from '../types';
import { QueryEditor } from './QueryEditor';

type Resources = Parameters<typeof fakeDataSource>[0];

async function setUp(stored: Partial<TidemarkQuery> = {}, resources: Resources = {}, app = CoreApp.PanelEditor) {
  const { datasource, getResource } = fakeDataSource(resources);
  const onChange = jest.fn<void, [TidemarkQuery]>();
  const onRunQuery = jest.fn<void, []>();
  function Host() {
    const [current, setCurrent] = useState<TidemarkQuery>({ ...query, ...stored });
    onChange.mockImplementation(setCurrent);
    return (
      <QueryEditor datasource={datasource} query={current} app={app} onChange={onChange} onRunQuery={onRunQuery} />
    );
  }
  await act(() => Promise.resolve(render(<Host />)));
  const changed = () => onChange.mock.lastCall?.[0];
  return { changed, onChange, onRunQuery, getResource };
}

const statField = 'Show statistic';
const rollupField = 'from rollup';

describe('a new query', () => {
  test('takes the first rollup when the list arrives, and runs', async () => {
    const { changed, onRunQuery } = await setUp({ rollup: '' });
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes', stat: 'count', tier: 'auto' }));
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  test('reads up to the tidemark in an alert rule', async () => {
    const { changed } = await setUp({ rollup: '', read: undefined }, {}, CoreApp.UnifiedAlerting);
    await waitFor(() => expect(changed()).toMatchObject({ read: 'sealed' }));
  });

  test('leaves a stored query as it is', async () => {
    const { onChange, onRunQuery } = await setUp({ rollup: 'requests' });
    expect(await screen.findByRole('combobox', { name: rollupField })).toHaveValue('requests');
    expect(onChange).not.toHaveBeenCalled();
    expect(onRunQuery).not.toHaveBeenCalled();
  });
});

describe('the statistic', () => {
  test('asks for a measure only where it needs one, and chooses the first', async () => {
    const { changed, onRunQuery } = await setUp();
    expect(screen.queryByRole('combobox', { name: 'of measure' })).not.toBeInTheDocument();
    await choose(statField, /Average/);
    expect(changed()).toMatchObject({ stat: 'avg', measure: 'offset' });
    expect(screen.getByRole('combobox', { name: 'of measure' })).toHaveValue('offset');
    expect(onRunQuery).toHaveBeenCalled();
  });

  test('can be chosen with the keyboard', async () => {
    const { changed } = await setUp();
    await userEvent.type(screen.getByRole('combobox', { name: statField }), 'Maxi{Enter}');
    expect(changed()).toMatchObject({ stat: 'max' });
  });

  test('is offered only where the rollup can give it', async () => {
    await setUp({ rollup: 'requests' });
    await open(statField);
    await screen.findByRole('option', { name: /Count/ });
    expect(choices()).toEqual(['CountNumber of events', 'RateEvents per second', 'BytesSize of the events']);
  });
});

describe('the rollup', () => {
  test('keeps what still fits when it changes', async () => {
    const { changed } = await setUp({
      stat: 'avg',
      measure: 'offset',
      groupBy: ['host', 'path'],
      filters: [{ dimension: 'path', op: '=', values: ['/a'] }],
    });
    await choose(rollupField, /requests/);
    expect(changed()).toMatchObject({ rollup: 'requests', stat: 'count', groupBy: ['host'], filters: [] });
  });

  test('can be a dashboard variable, whose dimensions are offered', async () => {
    const { changed } = await setUp({ rollup: 'requests' }, { variables: { r: { value: 'log_writes' } } });
    await choose(rollupField, /\$r/);
    expect(changed()).toMatchObject({ rollup: '$r' });
    await open('by dimensions');
    await screen.findByRole('option', { name: 'host' });
    expect(choices()).toEqual(['host', 'path', '$rDashboard variable']);
  });
});

test('groups by the dimensions that are chosen', async () => {
  const { changed } = await setUp();
  await choose('by dimensions', 'host');
  await userEvent.click(await screen.findByRole('option', { name: 'path' }));
  expect(changed()).toMatchObject({ groupBy: ['host', 'path'] });
});

describe('the rest of the sentence', () => {
  test('top takes effect on Enter, as a number', async () => {
    const { changed, onChange } = await setUp();
    await userEvent.type(screen.getByRole('textbox', { name: 'Top series' }), '10');
    expect(onChange).not.toHaveBeenCalled();
    await userEvent.keyboard('{Enter}');
    expect(changed()).toMatchObject({ top: 10 });
  });

  test('top without a number means all', async () => {
    const { changed } = await setUp({ top: 3 });
    await userEvent.clear(screen.getByRole('textbox', { name: 'Top series' }));
    await userEvent.tab();
    expect(changed()?.top).toBeUndefined();
  });

  test.each([
    ['ten', true],
    ['$limit', false],
    [0, true],
    [5, false],
  ])('top %p is marked as wrong: %p', async (top, wrong) => {
    await setUp({ top });
    const field = screen.getByRole('textbox', { name: 'Top series' });
    expect(field.getAttribute('aria-invalid') === 'true').toBe(wrong);
  });

  test('offers the tiers of the rollup', async () => {
    const { changed } = await setUp();
    await choose('tier length', '1m');
    expect(changed()).toMatchObject({ tier: '1m' });
  });

  test('reads live or up to the tidemark', async () => {
    const { changed } = await setUp();
    await userEvent.click(screen.getByRole('radio', { name: 'Sealed' }));
    expect(changed()).toMatchObject({ read: 'sealed' });
  });

  test('the legend takes effect on leaving the field', async () => {
    const { changed } = await setUp();
    await userEvent.click(screen.getByRole('textbox', { name: 'legend format' }));
    await userEvent.paste('{{host}} writes');
    await userEvent.tab();
    expect(changed()).toMatchObject({ alias: '{{host}} writes' });
  });
});

test.each<[Partial<TidemarkQuery>, string]>([
  [{ groupBy: [] }, 'count'],
  [{ stat: 'avg', measure: 'offset', groupBy: ['path'] }, 'avg offset <path>'],
  [{ stat: 'max', measure: 'offset', groupBy: ['host', 'path'] }, 'max offset {host="…", path="…"}'],
  [{ groupBy: ['$by'] }, 'count {$by="…"}'],
])('an empty legend shows what Grafana names the series of %j', async (stored, name) => {
  await setUp(stored);
  expect(screen.getByRole('textbox', { name: 'legend format' })).toHaveAttribute('placeholder', name);
});

describe('when there is nothing to choose from', () => {
  test('says why the list could not be loaded, and tries again', async () => {
    const { getResource, changed } = await setUp({ rollup: '' }, { rollups: new Error('connection refused') });
    expect(await screen.findByText('connection refused')).toBeInTheDocument();
    getResource.mockResolvedValue({ rollups: [logWrites] });
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes' }));
    expect(screen.queryByText('connection refused')).not.toBeInTheDocument();
  });

  test('says what to do while there are no rollups', async () => {
    const { onRunQuery } = await setUp({ rollup: '' }, { rollups: [] });
    expect(await screen.findByText(/tidemark run --config FILE/)).toBeInTheDocument();
    expect(onRunQuery).not.toHaveBeenCalled();
  });

  test('says that the rollup of a stored query is not there', async () => {
    await setUp({ rollup: 'gone' }, { rollups: [requests] });
    expect(await screen.findByText('There is no rollup "gone"')).toBeInTheDocument();
  });
});
