import { dateTimeFormat, rangeUtil, type TestDataSourceResponse } from '@grafana/data';
import { t } from './i18n';

interface RollupHealth {
  name: string;
  /** RFC 3339; null before anything is sealed. */
  tidemark: string | null;
  behindSeconds: number | null;
  /** How long the sidecar has told nothing, where that is worth saying. */
  silentSeconds?: number;
}

interface SidecarHealth {
  url: string;
  version?: string;
  /** Why it has no live stream for the data source; absent where it has. */
  problem?: string;
}

/** The backend's health check, besides its message. */
export interface HealthDetails {
  /** Of the cluster; absent where the credentials may not ask for it. */
  version?: string;
  indexPrefix?: string;
  rollups?: RollupHealth[];
  sidecars?: SidecarHealth[];
}

/** How many names a line has room for. */
const MOST_NAMES = 5;

/** What *Save & test* says: the result, warnings below it, and everything in its details. The backend's message is for checks that failed. */
export function testResult(message: string, health: HealthDetails = {}, pluginVersion = ''): TestDataSourceResponse {
  const { rollups = [], sidecars = [] } = health;
  const warnings = [...silent(rollups), ...unsealed(rollups), ...unreached(sidecars)];
  const lines = [versions(health, pluginVersion), ...rollups.map(rollupLine), ...sidecars.map(sidecarLine)];
  return {
    status: warnings.length > 0 ? 'warning' : 'success',
    message: rollups.length > 0 ? connected(health) : message,
    details: { message: warnings.join(' '), verboseMessage: lines.join('\n') },
  };
}

function connected({ version, rollups = [] }: HealthDetails): string {
  const rollup = t('health.rollups', '{{count}} rollups: {{names}}', {
    count: rollups.length,
    names: names(rollups),
    defaultValue_one: '{{count}} rollup: {{names}}',
  });
  return version
    ? t('health.connected-to', 'Connected to {{version}}; {{rollup}}', { version, rollup })
    : t('health.connected', 'Connected; {{rollup}}', { rollup });
}

function versions({ version, indexPrefix = '?' }: HealthDetails, pluginVersion: string): string {
  const unknown = t('health.unknown', 'unknown');
  return t('health.versions', 'Cluster {{version}}, plugin {{pluginVersion}}, indices {{indexPrefix}}-*', {
    version: version ?? unknown,
    pluginVersion: pluginVersion || unknown,
    indexPrefix,
  });
}

function rollupLine({ name, tidemark, behindSeconds }: RollupHealth): string {
  return tidemark === null
    ? t('health.rollup.unsealed', '{{name}}: nothing sealed yet', { name })
    : t('health.rollup.sealed', '{{name}}: sealed up to {{time}}, {{behind}} ago', {
        name,
        time: dateTimeFormat(tidemark),
        behind: duration(behindSeconds ?? 0),
      });
}

function sidecarLine({ url, version, problem }: SidecarHealth): string {
  if (problem) {
    return t('health.sidecar.problem', 'Sidecar {{url}}: no live stream', { url });
  }
  return version
    ? t('health.sidecar.version', 'Sidecar {{url}}: answers, version {{version}}', { url, version })
    : t('health.sidecar.answers', 'Sidecar {{url}}: answers', { url });
}

function silent(rollups: RollupHealth[]): string[] {
  const affected = rollups.filter(({ silentSeconds }) => silentSeconds !== undefined);
  if (affected.length === 0) {
    return [];
  }
  const since = duration(Math.max(...affected.map(({ silentSeconds = 0 }) => silentSeconds)));
  return [
    t('health.silent', 'No news from the sidecar of {{names}} for {{since}}: is it running?', {
      names: names(affected),
      since,
    }),
  ];
}

function unsealed(rollups: RollupHealth[]): string[] {
  const affected = rollups.filter(({ tidemark }) => tidemark === null);
  return affected.length > 0
    ? [t('health.unsealed', 'Nothing is sealed yet of {{names}}.', { names: names(affected) })]
    : [];
}

function unreached(sidecars: SidecarHealth[]): string[] {
  const problems = sidecars.flatMap(({ problem }) => problem ?? []);
  return problems.length > 0
    ? [
        t('health.unreached', '{{failed}} of {{count}} sidecars give no live stream: {{problems}}.', {
          failed: problems.length,
          count: sidecars.length,
          problems: problems.join('; '),
          defaultValue_one: 'The sidecar gives no live stream: {{problems}}.',
        }),
      ]
    : [];
}

function names(rollups: RollupHealth[]): string {
  const listed = rollups.slice(0, MOST_NAMES).map(({ name }) => name);
  const others = rollups.length - listed.length;
  return [...listed, ...(others > 0 ? [t('health.others', 'and {{others}} more', { others })] : [])].join(', ');
}

function duration(seconds: number): string {
  return rangeUtil.secondsToHms(Math.max(1, Math.round(seconds)));
}
