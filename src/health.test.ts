import { dateTimeFormat } from '@grafana/data';
import { HealthStatus } from '@grafana/runtime';
import { type HealthDetails } from './health';
import { fakeDataSource } from './test/fixtures';

const fresh = { name: 'log_writes', tidemark: '2026-01-01T00:59:40Z', behindSeconds: 20 };
const healthy: HealthDetails = { version: 'elasticsearch 8.19.0', indexPrefix: 'tidemark', rollups: [fresh] };

function check(details: HealthDetails, status = HealthStatus.OK, message = 'from the backend') {
  const { datasource } = fakeDataSource();
  jest.spyOn(datasource, 'callHealthCheck').mockResolvedValue({ status, message, details: { ...details } });
  return datasource.testDatasource();
}

test('names the rollups, how fresh they are, and the versions', async () => {
  const { status, message, details } = await check(healthy);
  expect(status).toBe('success');
  expect(message).toBe('Connected to elasticsearch 8.19.0; 1 rollup: log_writes');
  expect(details?.message).toBe('');
  expect(details?.verboseMessage).toBe(
    'Cluster elasticsearch 8.19.0, plugin 1.2.3, indices tidemark-*\n' +
      `log_writes: sealed up to ${dateTimeFormat(fresh.tidemark)}, 20s ago`
  );
});

test('names a few of many rollups, and all in the details', async () => {
  const rollups = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => ({ ...fresh, name }));
  const { message, details } = await check({ rollups });
  expect(message).toBe('Connected; 7 rollups: a, b, c, d, e, and 2 more');
  expect(details?.verboseMessage).toContain('g: sealed up to');
});

test.each<[string, HealthDetails, string]>([
  [
    'a silent sidecar',
    { ...healthy, rollups: [{ ...fresh, silentSeconds: 300 }] },
    'No news from the sidecar of log_writes for 5m: is it running?',
  ],
  [
    'a rollup without a tidemark',
    { ...healthy, rollups: [fresh, { name: 'new', tidemark: null, behindSeconds: null }] },
    'Nothing is sealed yet of new.',
  ],
  [
    'one of several sidecars that is not reached',
    { ...healthy, sidecars: [{ url: 'http://a' }, { url: 'http://b', problem: 'ask http://b: refused' }] },
    '1 of 2 sidecars give no live stream: ask http://b: refused.',
  ],
  [
    'the only sidecar',
    { ...healthy, sidecars: [{ url: 'http://b', problem: 'ask http://b: refused' }] },
    'The sidecar gives no live stream: ask http://b: refused.',
  ],
])('warns of %s', async (_, details, warning) => {
  const result = await check(details);
  expect(result.status).toBe('warning');
  expect(result.details?.message).toBe(warning);
});

test('tells of each sidecar whether it answers, and its version', async () => {
  const sidecars = [
    { url: 'http://a', version: '0.1.0' },
    { url: 'http://b' },
    { url: 'http://c', problem: 'refused' },
  ];
  const { details } = await check({ ...healthy, sidecars });
  expect(details?.verboseMessage?.split('\n').slice(2)).toEqual([
    'Sidecar http://a: answers, version 0.1.0',
    'Sidecar http://b: answers',
    'Sidecar http://c: no live stream',
  ]);
});

test('a check that fails tells of the sidecars too', async () => {
  const sidecars = [
    { url: 'http://a', version: '0.1.0' },
    { url: 'http://b', problem: 'ask http://b: refused' },
  ];
  const failed = check({ sidecars }, HealthStatus.Error, 'connect to Elasticsearch: refused');
  await expect(failed).rejects.toMatchObject({
    error: {
      message: 'connect to Elasticsearch: refused',
      details: {
        message: '1 of 2 sidecars give no live stream: ask http://b: refused.',
        verboseMessage: expect.stringContaining('Sidecar http://a: answers, version 0.1.0') as string,
      },
    },
  });
});

test('a check that fails says why in the words of the backend, and which versions there are', async () => {
  const failed = check({ indexPrefix: 'tidemark' }, HealthStatus.Error, 'connect to Elasticsearch: refused');
  await expect(failed).rejects.toMatchObject({
    error: {
      message: 'connect to Elasticsearch: refused',
      details: { verboseMessage: 'Cluster unknown, plugin 1.2.3, indices tidemark-*' },
    },
  });
});
