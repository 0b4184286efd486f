import { type DataSourceApi } from '@grafana/data';
import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { axeFaults } from '../test/axe';
import { fakeDataSource, query } from '../test/fixtures';
import { type TidemarkQuery } from '../types';
import { QueryHelp } from './QueryHelp';

async function setUp(rollup = '', resources: Parameters<typeof fakeDataSource>[0] = {}) {
  const { datasource } = fakeDataSource(resources);
  const onClickExample = jest.fn<void, [TidemarkQuery]>();
  const api = datasource as unknown as DataSourceApi<TidemarkQuery>;
  const help = <QueryHelp datasource={api} query={{ ...query, rollup }} onClickExample={onClickExample} />;
  await act(() => Promise.resolve(render(help)));
  return { chosen: () => onClickExample.mock.lastCall?.[0] };
}

test('runs an example of the first rollup that can tell', async () => {
  const { chosen } = await setUp();
  await userEvent.click(screen.getByRole('button', { name: 'How large is the share of errors?' }));
  expect(chosen()).toMatchObject({ refId: 'A', rollup: 'log_writes', stat: 'ratio', condition: 'errors' });
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

test('has no examples while the rollups are not known', async () => {
  await setUp('', { rollups: new Error('connection refused') });
  expect(screen.queryByRole('button')).not.toBeInTheDocument();
});

test('has nothing that axe finds', async () => {
  await setUp();
  expect(await axeFaults()).toEqual([]);
});
