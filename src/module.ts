import { DataSourcePlugin } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { QueryHelp } from './components/QueryHelp';
import { TidemarkDataSource } from './datasource';
import pluginJson from './plugin.json';
import { type TidemarkOptions, type TidemarkQuery, type TidemarkSecureOptions } from './types';

await initPluginTranslations(pluginJson.id);

export const plugin = new DataSourcePlugin<TidemarkDataSource, TidemarkQuery, TidemarkOptions, TidemarkSecureOptions>(
  TidemarkDataSource
)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryHelp);
