import { CoreApp } from '@grafana/data';
import { act, render } from '@testing-library/react';
import { useState } from 'react';
import { QueryEditor } from '../components/QueryEditor';
import { type TidemarkQuery } from '../types';
import { fakeDataSource, query } from './fixtures';

/** Shows the editor of a stored query, which keeps what is changed as Grafana does. */
export async function showEditor(
  stored: Partial<TidemarkQuery> = {},
  resources: Parameters<typeof fakeDataSource>[0] = {},
  app = CoreApp.PanelEditor
) {
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
  const { unmount } = await act(() => Promise.resolve(render(<Host />)));
  const changed = () => onChange.mock.lastCall?.[0];
  return { changed, onChange, onRunQuery, getResource, unmount };
}
