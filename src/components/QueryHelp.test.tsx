import { type DataSourceApi } from '@grafana/data';
import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { axeFaults } from '../test/axe';
import { fakeDataSource, query } from '../test/fixtures';
import { type TidemarkQuery } from '../types';
import { QueryEditor } from './QueryEditor';
import { QueryHelp } from './QueryHelp';

/** Shows the help beside the editor, as Grafana does. */
async function setUp(rollup = 'log_writes', resources: Parameters<typeof fakeDataSource>[0] = {}) {
  const { datasource } = fakeDataSource(resources);
  const onClickExample = jest.fn<void, [TidemarkQuery]>();
  const onRunQuery = jest.fn<void, []>();
  function Host() {
    const [current, setCurrent] = useState<TidemarkQuery>({ ...query, rollup });
    onClickExample.mockImplementation((example) => setCurrent({ ...example, refId: 'B' }));
    return (
      <>
        <QueryHelp
          datasource={datasource as unknown as DataSourceApi<TidemarkQuery>}
          query={current}
          onClickExample={onClickExample}
        />
        <QueryEditor datasource={datasource} query={current} onChange={setCurrent} onRunQuery={onRunQuery} />
      </>
    );
  }
  await act(() => Promise.resolve(render(<Host />)));
  return { chosen: () => onClickExample.mock.lastCall?.[0], onRunQuery };
}

test('runs an example of the rollup that can tell', async () => {
  const { chosen, onRunQuery } = await setUp('requests');
  await userEvent.click(screen.getByRole('button', { name: 'How large is the share of errors?' }));
  expect(chosen()).toMatchObject({ refId: 'A', rollup: 'log_writes', stat: 'ratio', condition: 'errors' });
  expect(onRunQuery).toHaveBeenCalledTimes(1);
  expect(screen.getByRole('combobox', { name: 'of condition' })).toHaveValue('errors');
});

test('prefers the rollup that is chosen', async () => {
  const { chosen } = await setUp('requests');
  await userEvent.click(screen.getByRole('button', { name: 'Who writes most?' }));
  expect(chosen()).toMatchObject({ rollup: 'requests', groupBy: ['host'], top: 10 });
  await userEvent.click(screen.getByRole('button', { name: 'How slow are the slowest?' }));
  expect(chosen()).toMatchObject({ rollup: 'log_writes', stat: 'percentile', percentile: 99, measure: 'took' });
});

test('says in words what each asks', async () => {
  await setUp();
  const list = screen.getByRole('list', { name: 'What do you want to know?' });
  expect(within(list).getByText('Rate from log_writes')).toBeInTheDocument();
});

test.each([
  ['could not be loaded', new Error('connection refused')],
  ['are not there yet', []],
])('says that examples will come while the rollups %s', async (_, rollups) => {
  await setUp('log_writes', { rollups });
  expect(screen.getByText('Examples are here as soon as the data source has rollups.')).toBeInTheDocument();
  expect(screen.queryByRole('heading', { name: 'What do you want to know?' })).not.toBeInTheDocument();
});

test('has nothing that axe finds', async () => {
  await setUp();
  expect(await axeFaults()).toEqual([]);
});
