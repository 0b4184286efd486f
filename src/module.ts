import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { TidemarkDataSource } from './datasource';
import { type TidemarkOptions, type TidemarkQuery, type TidemarkSecureOptions } from './types';

export const plugin = new DataSourcePlugin<TidemarkDataSource, TidemarkQuery, TidemarkOptions, TidemarkSecureOptions>(
  TidemarkDataSource
)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
