import { initPluginTranslations } from '@grafana/i18n';
import { render, screen } from '@testing-library/react';
import i18next from 'i18next';
import { RollupsMessage } from './components/RollupsMessage';
import { t } from './i18n';
import chinese from './locales/zh-Hans/tidemark-rollups-datasource.json';
import { id } from './plugin.json';

const nothing = { rollups: [], loading: false, reload: () => {} };

test('texts are English where Grafana has no catalogue', () => {
  render(<RollupsMessage state={nothing} rollup="" />);
  expect(screen.getByText('There are no rollups yet')).toBeInTheDocument();
});

test('values in a text come as they are', () => {
  expect(t('test.path', 'in {{path}}', { path: '/var/log & <more>' })).toBe('in /var/log & <more>');
});

test("texts are in the reader's language, with their elements", async () => {
  // What Grafana does before it loads the plugin.
  await initPluginTranslations(id);
  i18next.addResourceBundle('zh-Hans', id, chinese);
  await i18next.changeLanguage('zh-Hans');

  render(<RollupsMessage state={nothing} rollup="" />);
  expect(screen.getByText(chinese.rollups.none.title)).toBeInTheDocument();
  expect(screen.getByText('elasticsearch.index_prefix').tagName).toBe('CODE');
});
