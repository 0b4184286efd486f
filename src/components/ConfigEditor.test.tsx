import { type DataSourceSettings } from '@grafana/data';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { axeFaults } from '../test/axe';
import { choose } from '../test/choose';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';
import { ConfigEditor } from './ConfigEditor';

type Settings = DataSourceSettings<TidemarkOptions, TidemarkSecureOptions>;

function setUp(stored: Partial<Settings> = {}) {
  const onOptionsChange = jest.fn<void, [Settings]>();
  function Host() {
    const [options, setOptions] = useState({
      url: 'https://es.example:9200',
      jsonData: {},
      secureJsonFields: {},
      readOnly: false,
      ...stored,
    } as Settings);
    onOptionsChange.mockImplementation(setOptions);
    return <ConfigEditor options={options} onOptionsChange={onOptionsChange} />;
  }
  render(<Host />);
  return { changed: () => onOptionsChange.mock.lastCall?.[0] };
}

const chooseMethod = (name: RegExp) => choose('Authentication method', name);

test('takes the address and the index prefix', async () => {
  const { changed } = setUp({ url: '' });
  await userEvent.type(screen.getByRole('textbox', { name: 'Data source connection URL' }), 'http://es:9200');
  await userEvent.type(screen.getByRole('textbox', { name: 'Index prefix' }), 'team');
  expect(changed()).toMatchObject({ url: 'http://es:9200', jsonData: { indexPrefix: 'team' } });
  await userEvent.clear(screen.getByRole('textbox', { name: 'Index prefix' }));
  expect(changed()?.jsonData.indexPrefix).toBeUndefined();
});

describe('authentication', () => {
  test('by name and password', async () => {
    const { changed } = setUp();
    await chooseMethod(/^Basic authentication/);
    await userEvent.type(screen.getByPlaceholderText('User'), 'grafana');
    await userEvent.type(screen.getByPlaceholderText('Password'), 'secret');
    expect(changed()).toMatchObject({
      basicAuth: true,
      basicAuthUser: 'grafana',
      jsonData: { authMethod: 'basic' },
      secureJsonData: { basicAuthPassword: 'secret' },
    });
  });

  test('by API key', async () => {
    const { changed } = setUp({ basicAuth: true });
    await chooseMethod(/^API key/);
    await userEvent.type(screen.getByPlaceholderText('Encoded API key'), 'a2V5');
    expect(changed()).toMatchObject({
      basicAuth: false,
      jsonData: { authMethod: 'apiKey' },
      secureJsonData: { apiKey: 'a2V5' },
    });
  });

  test('by nothing', async () => {
    const { changed } = setUp({ jsonData: { authMethod: 'apiKey' } });
    await chooseMethod(/^No authentication/);
    expect(changed()).toMatchObject({ basicAuth: false, jsonData: { authMethod: 'none' } });
  });

  test('of provisioned settings is recognised by basicAuth alone', () => {
    setUp({ basicAuth: true, basicAuthUser: 'grafana' });
    expect(screen.getByDisplayValue('grafana')).toBeInTheDocument();
  });

  test('an API key that is stored is not shown, and can be replaced', async () => {
    const { changed } = setUp({ jsonData: { authMethod: 'apiKey' }, secureJsonFields: { apiKey: true } });
    expect(screen.getByDisplayValue('configured')).toBeDisabled();
    await userEvent.click(screen.getByRole('button', { name: 'Reset' }));
    expect(changed()).toMatchObject({ secureJsonFields: { apiKey: false }, secureJsonData: { apiKey: '' } });
    expect(screen.getByPlaceholderText('Encoded API key')).toBeEnabled();
  });
});

describe('TLS', () => {
  test('takes an own authority and a client certificate', async () => {
    const { changed } = setUp();
    await userEvent.click(screen.getByRole('checkbox', { name: /self-signed certificate/i }));
    await userEvent.click(screen.getByRole('checkbox', { name: /TLS client authentication/i }));
    expect(changed()).toMatchObject({ jsonData: { tlsAuthWithCACert: true, tlsAuth: true } });
    const [authority] = screen.getAllByPlaceholderText(/BEGIN CERTIFICATE/);
    await userEvent.type(authority!, 'PEM');
    expect(changed()).toMatchObject({ secureJsonData: { tlsCACert: 'PEM' } });
  });

  test('warns where the certificate is not verified', async () => {
    const { changed } = setUp();
    expect(screen.queryByText(/certificate is not verified/)).not.toBeInTheDocument();
    await userEvent.click(screen.getByRole('checkbox', { name: /skip TLS/i }));
    expect(changed()).toMatchObject({ jsonData: { tlsSkipVerify: true } });
    expect(screen.getByText(/certificate is not verified/)).toBeInTheDocument();
  });
});

test.each<[string, Partial<Settings>, boolean]>([
  ['a key over http', { url: 'http://es:9200', jsonData: { authMethod: 'apiKey' } }, true],
  ['a key over https', { url: 'https://es:9200', jsonData: { authMethod: 'apiKey' } }, false],
  ['a key to the same machine', { url: 'http://127.0.0.1:9200', jsonData: { authMethod: 'apiKey' } }, false],
  ['nothing secret over http', { url: 'http://es:9200' }, false],
])('%s is called unencrypted: %p', (_, stored, warned) => {
  setUp(stored);
  expect(screen.queryByText('The credentials are sent unencrypted') !== null).toBe(warned);
});

describe('sidecars', () => {
  const addresses = () => screen.getByRole('textbox', { name: 'Sidecar addresses' });
  const open = () => userEvent.click(screen.getByRole('button', { name: /Live stream/ }));

  test.each([
    ['one a line', 'http://a:8089{Enter}https://b:8089/path{Enter}'],
    ['with commas between', 'http://a:8089, https://b:8089/path,'],
  ])('are given %s', async (_, text) => {
    const { changed } = setUp();
    await open();
    await userEvent.type(addresses(), text);
    expect(changed()).toMatchObject({ jsonData: { sidecarUrls: ['http://a:8089', 'https://b:8089/path'] } });
    await userEvent.tab();
    expect(addresses()).toHaveValue('http://a:8089\nhttps://b:8089/path');
    await userEvent.clear(addresses());
    expect(changed()?.jsonData.sidecarUrls).toBeUndefined();
  });

  test.each([
    ['a list', ['http://a:8089', 'http://b:8089']],
    ['a text', 'http://a:8089, http://b:8089'],
  ])('are shown as they were provisioned, as %s', (_, sidecarUrls) => {
    setUp({ jsonData: { sidecarUrls } });
    expect(addresses()).toHaveValue('http://a:8089\nhttp://b:8089');
    expect(addresses()).toHaveAttribute('aria-invalid', 'false');
  });

  test.each(['a:8089', 'ftp://a', 'http://user@a:8089', 'http://'])('%s is marked as wrong', (url) => {
    setUp({ jsonData: { sidecarUrls: ['http://b:8089', url] } });
    expect(addresses()).toHaveAttribute('aria-invalid', 'true');
    expect(screen.getByRole('alert')).toHaveTextContent(`${url} is no address`);
  });

  test('have a token, which is not shown once it is stored, and can be replaced', async () => {
    const { changed } = setUp({
      jsonData: { sidecarUrls: ['http://a:8089'] },
      secureJsonFields: { sidecarToken: true },
    });
    expect(screen.getByLabelText(/Sidecar token/)).toBeDisabled();
    expect(screen.getByText('The credentials are sent unencrypted')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Reset' }));
    await userEvent.type(screen.getByLabelText(/Sidecar token/), 'secret');
    expect(changed()).toMatchObject({
      secureJsonFields: { sidecarToken: false },
      secureJsonData: { sidecarToken: 'secret' },
    });
  });
});

test.each([
  ['the time that a request may take', 'Timeout', 'timeout', '5', 5],
  ['how much is kept', 'Cache', 'cacheMiB', '0', 0],
])('takes %s', async (_, name, setting, text, value) => {
  const { changed } = setUp();
  await userEvent.click(screen.getByRole('button', { name: 'Additional settings' }));
  await userEvent.type(screen.getByRole('spinbutton', { name }), text);
  expect(changed()?.jsonData).toMatchObject({ [setting]: value });
  await userEvent.clear(screen.getByRole('spinbutton', { name }));
  expect(changed()?.jsonData).toHaveProperty(setting, undefined);
});

test.each(['es:9200', 'ftp://es', 'https://user@es:9200'])('the address %s is marked as wrong', (url) => {
  setUp({ url });
  expect(screen.getByRole('textbox', { name: 'Data source connection URL' })).toHaveAttribute('aria-invalid', 'true');
  expect(screen.getByRole('alert')).toHaveTextContent('This is no address');
});

describe('headers', () => {
  const stored = {
    jsonData: { httpHeaderName1: 'X-One', httpHeaderName2: 'X-Two' },
    secureJsonFields: { httpHeaderValue1: true, httpHeaderValue2: true },
  };

  test('are given with their values', async () => {
    const { changed } = setUp();
    await userEvent.click(screen.getByRole('button', { name: /Additional settings/ }));
    await userEvent.click(screen.getByRole('button', { name: 'Add a header' }));
    await userEvent.type(screen.getByRole('textbox', { name: 'Header 1' }), 'X-Team');
    await userEvent.type(screen.getByLabelText('Value of header 1'), 'web');
    expect(changed()).toMatchObject({
      jsonData: { httpHeaderName1: 'X-Team' },
      secureJsonData: { httpHeaderValue1: 'web' },
    });
  });

  test('that are stored do not show their values', () => {
    setUp(stored);
    expect(screen.getByRole('textbox', { name: 'Header 1' })).toHaveValue('X-One');
    expect(screen.getByLabelText('Value of header 1')).toBeDisabled();
  });

  test('keep their values when another one is removed', async () => {
    const { changed } = setUp(stored);
    await userEvent.click(screen.getByRole('button', { name: 'Remove header 1' }));
    expect(changed()).toMatchObject({
      jsonData: { httpHeaderName1: '', httpHeaderName2: 'X-Two' },
      secureJsonData: { httpHeaderValue1: '' },
      secureJsonFields: { httpHeaderValue1: false, httpHeaderValue2: true },
    });
    expect(screen.getByRole('textbox', { name: 'Header 1' })).toHaveValue('X-Two');
    await userEvent.click(screen.getByRole('button', { name: 'Add another header' }));
    await userEvent.type(screen.getByRole('textbox', { name: 'Header 1' }), 'X-New');
    expect(changed()?.jsonData).toMatchObject({ httpHeaderName1: 'X-New', httpHeaderName2: 'X-Two' });
  });
});

test('a data source that is provisioned cannot be changed', async () => {
  const { changed } = setUp({ readOnly: true, jsonData: { authMethod: 'apiKey' }, secureJsonFields: { apiKey: true } });
  await userEvent.click(screen.getByRole('button', { name: 'Additional settings' }));
  await userEvent.click(screen.getByRole('button', { name: 'Live stream' }));
  await userEvent.click(screen.getByRole('button', { name: 'Reset' }));
  expect(changed()).toBeUndefined();
  for (const role of ['textbox', 'spinbutton', 'combobox', 'checkbox']) {
    for (const field of screen.getAllByRole(role)) {
      expect(field).toBeDisabled();
    }
  }
});

test('Tab goes through the fields in the order of the page', async () => {
  setUp({ basicAuth: true });
  const order = [
    /documentation/,
    /connection URL/,
    /Index prefix/,
    /Authentication method/,
    /User/,
    /Password/,
    /Add self-signed certificate/,
    /TLS client authentication/,
    /Skip TLS certificate validation/,
    /Live stream/,
    /Additional settings/,
  ];
  for (const name of order) {
    await userEvent.tab();
    expect(document.activeElement).toHaveAccessibleName(expect.stringMatching(name));
  }
});

test.each<[string, Partial<Settings>]>([
  ['nothing set', {}],
  [
    'all that can be set',
    {
      url: 'http://es',
      basicAuth: true,
      jsonData: {
        tlsAuth: true,
        tlsAuthWithCACert: true,
        tlsSkipVerify: true,
        sidecarUrls: ['nowhere'],
        timeout: 5,
        httpHeaderName1: 'X-One',
      },
    },
  ],
  [
    'all that is secret stored',
    {
      jsonData: { authMethod: 'apiKey', tlsAuth: true, tlsAuthWithCACert: true, sidecarUrls: ['http://a'] },
      secureJsonFields: { apiKey: true, tlsCACert: true, tlsClientCert: true, tlsClientKey: true, sidecarToken: true },
    },
  ],
])('axe finds nothing with %s', async (_, stored) => {
  setUp(stored);
  expect(await axeFaults()).toEqual([]);
});
