import { type AnnotationQuery } from '@grafana/data';
import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { annotationSupport } from '../annotations';
import { axeFaults } from '../test/axe';
import { choose } from '../test/choose';
import { fakeDataSource } from '../test/fixtures';
import { type TidemarkQuery } from '../types';
import { AnnotationQueryEditor } from './AnnotationQueryEditor';

const everything = ['corrections', 'redefinitions', 'restarts', 'unsealed'];

async function setUp(resources: Parameters<typeof fakeDataSource>[0] = {}) {
  const { datasource } = fakeDataSource(resources);
  const onChange = jest.fn<void, [TidemarkQuery]>();
  const onRunQuery = jest.fn<void, []>();
  function Host() {
    const [query, setQuery] = useState({ refId: 'Anno', ...annotationSupport.getDefaultQuery?.() } as TidemarkQuery);
    onChange.mockImplementation(setQuery);
    return <AnnotationQueryEditor datasource={datasource} query={query} onChange={onChange} onRunQuery={onRunQuery} />;
  }
  await act(() => Promise.resolve(render(<Host />)));
  return { changed: () => onChange.mock.lastCall?.[0], onRunQuery };
}

test('a new annotation marks everything of the rollup that is chosen', async () => {
  const { changed, onRunQuery } = await setUp();
  await choose('of rollup', /log_writes/);
  expect(changed()).toMatchObject({ queryType: 'annotations', rollup: 'log_writes', kinds: everything });
  expect(onRunQuery).toHaveBeenCalledTimes(1);
});

test('marks only the kinds that are chosen, and does not run without any', async () => {
  const { changed, onRunQuery } = await setUp();
  await choose('of rollup', /log_writes/);
  for (const name of [/Late corrections/, /Redefinitions/, /Not sealed/, /Restarts/]) {
    expect(changed()?.kinds).not.toEqual([]);
    await choose('Mark what happened', name);
    await userEvent.keyboard('{Escape}');
  }
  expect(changed()?.kinds).toEqual([]);
  expect(onRunQuery).toHaveBeenCalledTimes(4);
});

test('says why the rollups could not be loaded', async () => {
  await setUp({ rollups: new Error('401 unauthorized') });
  expect(await screen.findByText('401 unauthorized')).toBeInTheDocument();
});

test.each<[string, Partial<TidemarkQuery> | undefined, Partial<TidemarkQuery> | undefined]>([
  ['its rollup and kinds', { rollup: 'r', kinds: ['restarts'] }, { rollup: 'r', kinds: ['restarts'] }],
  ['everything where it names no kinds', { rollup: 'r' }, { rollup: 'r', kinds: everything as TidemarkQuery['kinds'] }],
  ['nothing while it is empty', undefined, undefined],
])('a stored annotation asks for %s', (_, target, expected) => {
  const stored = { name: 'Marks', enable: true, iconColor: 'red', target } as AnnotationQuery<TidemarkQuery>;
  const prepared = annotationSupport.prepareQuery?.(stored);
  expect(prepared).toEqual(expected && { queryType: 'annotations', ...expected });
});

test('axe finds nothing', async () => {
  await setUp();
  await choose('of rollup', /log_writes/);
  expect(await axeFaults()).toEqual([]);
});
