import { initPluginTranslations } from '@grafana/i18n';
import { render, renderHook, screen } from '@testing-library/react';
import i18next from 'i18next';
import { RollupsMessage } from './components/RollupsMessage';
import { t } from './i18n';
import { useDimensionValues } from './hooks/useDimensionValues';
import chinese from './locales/zh-Hans/tidemark-rollups-datasource.json';
import { id } from './plugin.json';
import { displayText } from './query';
import { fakeDataSource, query } from './test/fixtures';

const nothing = { rollups: [], loading: false, reload: () => {} };

test('texts are English where Grafana has no catalogue', () => {
  render(<RollupsMessage state={nothing} rollup="" />);
  expect(screen.getByText('There are no rollups yet')).toBeInTheDocument();
});

test('values in a text come as they are', () => {
  expect(t('test.path', 'in {{path}}', { path: '/var/log & <more>' })).toBe('in /var/log & <more>');
});

describe("in the reader's language", () => {
  beforeAll(async () => {
    // What Grafana does before it loads the plugin.
    await initPluginTranslations(id);
    i18next.addResourceBundle('zh-Hans', id, chinese);
    await i18next.changeLanguage('zh-Hans');
  });

  test('are texts, with their elements', () => {
    render(<RollupsMessage state={nothing} rollup="" />);
    expect(screen.getByText(chinese.rollups.none.title)).toBeInTheDocument();
    expect(screen.getByText('elasticsearch.index_prefix').tagName).toBe('CODE');
  });

  test('are numbers', async () => {
    const { datasource } = fakeDataSource({ values: { values: [{ value: 'a', count: 12_345 }], truncated: false } });
    const { result } = renderHook(() => useDimensionValues(datasource, 'log_writes', 'host'));
    expect(await result.current('')).toEqual([{ value: 'a', label: 'a', description: '1.2万 个事件' }]);
  });

  test('are operators in the sentence', () => {
    const filters = [{ dimension: 'host', op: '!exists' as const, values: [] }];
    expect(displayText({ ...query, filters })).toMatch(/host 不存在$/);
  });
});
