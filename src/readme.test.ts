import { execFileSync } from 'node:child_process';

/** What the build makes of a page; in a process of its own, since Jest does not load the ES module that webpack is configured by. */
function build(page: string): string {
  const script = `
    import { linkToRepository } from './webpack.config.mjs';
    process.stdout.write(linkToRepository(${JSON.stringify(page)}));`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8', stdio: 'pipe' });
}

const repository = 'https://github.com/tidemark/tidemark';

test('the page of the plugin links to the repository', () => {
  const lines = [
    ['[docs](docs/rollups.md)', `[docs](${repository}/blob/main/docs/rollups.md)`],
    ['[part](docs/rollups.md#windows)', `[part](${repository}/blob/main/docs/rollups.md#windows)`],
    ['![page](docs/images/demo-page.png)', `![page](${repository}/raw/main/docs/images/demo-page.png)`],
    [
      '[![logo](./src/img/logo.svg)](LICENSE)',
      `[![logo](${repository}/raw/main/src/img/logo.svg)](${repository}/blob/main/LICENSE)`,
    ],
    ['[below](#status) [other](https://example.com/a.md)', '[below](#status) [other](https://example.com/a.md)'],
  ];
  const built = build(lines.map(([line]) => line).join('\n'));
  expect(built.split('\n')).toEqual(lines.map(([, link]) => link));
});

test('a link to a file that the repository lacks stops the build', () => {
  expect(() => build('[gone](docs/gone.md)')).toThrow('a page of the plugin links to docs/gone.md');
});
