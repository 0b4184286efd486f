import { type DataSourceSettings } from '@grafana/data';
import { isPlain, sidecarUrls } from './sidecars';
import { type AuthMethod, type TidemarkOptions, type TidemarkSecureOptions } from './types';

export type Settings = DataSourceSettings<TidemarkOptions, TidemarkSecureOptions>;

/** How the data source proves who it is; provisioned settings may tell it by `basicAuth` alone. */
export function authMethod({ basicAuth, jsonData }: Settings): AuthMethod {
  return jsonData.authMethod ?? (basicAuth ? 'basic' : 'none');
}

export function withAuthMethod(settings: Settings, method: AuthMethod): Settings {
  return {
    ...settings,
    basicAuth: method === 'basic',
    withCredentials: false,
    jsonData: { ...settings.jsonData, authMethod: method },
  };
}

/** Whether somebody on the way can read what is secret. */
export function isExposed(settings: Settings): boolean {
  const { url, jsonData, secureJsonFields } = settings;
  return (
    (authMethod(settings) !== 'none' && isPlain(url)) ||
    (Boolean(secureJsonFields.sidecarToken) && sidecarUrls(jsonData).some(isPlain))
  );
}
