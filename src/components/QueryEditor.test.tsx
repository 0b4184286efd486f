import { CoreApp } from '@grafana/data';
import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { choices, choose, open } from '../test/choose';
import { showEditor } from '../test/editor';
import { logWrites, requests } from '../test/fixtures';

const statField = 'Show statistic';
const rollupField = 'from rollup';

describe('a new query', () => {
  test('takes the first rollup when the list arrives, and runs', async () => {
    const { changed, onRunQuery } = await showEditor({ rollup: '' });
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes', stat: 'count', tier: 'auto' }));
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  test('reads up to the tidemark in an alert rule', async () => {
    const { changed } = await showEditor({ rollup: '', read: undefined }, {}, CoreApp.UnifiedAlerting);
    await waitFor(() => expect(changed()).toMatchObject({ read: 'sealed' }));
  });

  test('leaves a stored query as it is', async () => {
    const { onChange, onRunQuery } = await showEditor({ rollup: 'requests' });
    expect(await screen.findByRole('combobox', { name: rollupField })).toHaveValue('requests');
    expect(onChange).not.toHaveBeenCalled();
    expect(onRunQuery).not.toHaveBeenCalled();
  });
});

describe('the statistic', () => {
  test('asks for a measure only where it needs one, and chooses the first', async () => {
    const { changed, onRunQuery } = await showEditor();
    expect(screen.queryByRole('combobox', { name: 'of measure' })).not.toBeInTheDocument();
    await choose(statField, /Average/);
    expect(changed()).toMatchObject({ stat: 'avg', measure: 'offset' });
    expect(screen.getByRole('combobox', { name: 'of measure' })).toHaveValue('offset');
    expect(onRunQuery).toHaveBeenCalled();
  });

  test('can be chosen with the keyboard', async () => {
    const { changed } = await showEditor();
    await userEvent.type(screen.getByRole('combobox', { name: statField }), 'Maxi{Enter}');
    expect(changed()).toMatchObject({ stat: 'max' });
  });
});

describe('the rollup', () => {
  test('keeps what still fits when it changes', async () => {
    const { changed } = await showEditor({
      stat: 'avg',
      measure: 'offset',
      groupBy: ['host', 'path'],
      filters: [{ dimension: 'path', op: '=', values: ['/a'] }],
    });
    await choose(rollupField, /requests/);
    expect(changed()).toMatchObject({ rollup: 'requests', stat: 'count', groupBy: ['host'], filters: [] });
  });

  test('can be a dashboard variable, whose dimensions are offered', async () => {
    const variables = { r: { value: 'log_writes' }, Filters: { value: '', type: 'adhoc' as const } };
    const { changed } = await showEditor({ rollup: 'requests' }, { variables });
    await choose(rollupField, /\$r/);
    expect(changed()).toMatchObject({ rollup: '$r' });
    await open('by dimensions');
    await screen.findByRole('option', { name: 'host' });
    expect(choices()).toEqual(['host', 'path', '$rVariable']);
  });
});

test('groups by the dimensions that are chosen', async () => {
  const { changed } = await showEditor();
  await choose('by dimensions', 'host');
  await userEvent.click(await screen.findByRole('option', { name: 'path' }));
  expect(changed()).toMatchObject({ groupBy: ['host', 'path'] });
});

test('reads live or up to the tidemark', async () => {
  const { changed } = await showEditor();
  await userEvent.click(screen.getByRole('radio', { name: 'Sealed' }));
  expect(changed()).toMatchObject({ read: 'sealed' });
});

describe('when there is nothing to choose from', () => {
  test('says why the list could not be loaded, and tries again', async () => {
    const { getResource, changed } = await showEditor({ rollup: '' }, { rollups: new Error('connection refused') });
    expect(await screen.findByText('connection refused')).toBeInTheDocument();
    getResource.mockResolvedValue({ rollups: [logWrites] });
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes' }));
    expect(screen.queryByText('connection refused')).not.toBeInTheDocument();
  });

  test('says what to do while there are no rollups', async () => {
    const { onRunQuery } = await showEditor({ rollup: '' }, { rollups: [] });
    expect(await screen.findByText(/tidemark run --config FILE/)).toBeInTheDocument();
    expect(onRunQuery).not.toHaveBeenCalled();
  });

  test('says that the rollup of a stored query is not there', async () => {
    await showEditor({ rollup: 'gone' }, { rollups: [requests] });
    expect(await screen.findByText('There is no rollup "gone"')).toBeInTheDocument();
  });
});
