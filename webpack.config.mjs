import { readFileSync } from 'node:fs';
import path from 'node:path';
import CopyPlugin from 'copy-webpack-plugin';

const root = import.meta.dirname;
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const { id } = JSON.parse(readFileSync(path.join(root, 'plugin.json'), 'utf8'));

// Modules that Grafana itself provides at run time.
const externals = [
  'react',
  'react-dom',
  'react-router',
  'react-router-dom',
  'rxjs',
  'rxjs/operators',
  'lodash',
  'moment',
  'd3',
  'prismjs',
  'redux',
  'react-redux',
  'i18next',
  '@emotion/css',
  '@emotion/react',
  /^@grafana\/(data|runtime|ui)(\/unstable)?$/,
];

// A package that is to be reproducible says in seconds which day it is.
const { SOURCE_DATE_EPOCH } = process.env;
const today = (SOURCE_DATE_EPOCH ? new Date(Number(SOURCE_DATE_EPOCH) * 1000) : new Date()).toISOString().slice(0, 10);

const fillPlaceholders = (content) => content.toString().replaceAll('%VERSION%', version).replaceAll('%TODAY%', today);

export default (_env, { mode }) => ({
  mode,
  context: path.join(root, 'src'),
  entry: { module: './module.ts' },
  devtool: mode === 'production' ? 'source-map' : 'eval-source-map',
  output: {
    path: path.join(root, 'dist'),
    filename: '[name].js',
    library: { type: 'amd' },
    publicPath: `public/plugins/${id}/`,
    uniqueName: id,
    // The backend's executables are built into the same folder.
    clean: { keep: /^(gpx_|go_plugin_build_manifest)/ },
  },
  externals,
  resolve: {
    extensions: ['.ts', '.tsx', '.mjs', '.js'],
    alias: { 'react/jsx-runtime$': path.join(root, 'src/jsxRuntime.ts') },
  },
  module: {
    rules: [
      {
        test: /\.tsx?$/,
        exclude: /node_modules/,
        loader: 'swc-loader',
        options: {
          jsc: {
            target: 'es2022',
            parser: { syntax: 'typescript', tsx: true },
            transform: { react: { runtime: 'automatic', development: false } }, // react/jsx-dev-runtime has no alias
          },
        },
      },
    ],
  },
  plugins: [
    new CopyPlugin({
      patterns: [
        { from: 'plugin.json', transform: fillPlaceholders },
        { from: 'img', to: 'img', noErrorOnMissing: true },
        { from: 'locales', to: 'locales' },
        { from: 'README.md' },
        ...['CHANGELOG.md', 'LICENSE'].map((page) => ({ from: path.join(root, page) })),
        { from: '*.json', context: path.join(root, 'dashboards'), to: 'dashboards', noErrorOnMissing: true },
      ],
    }),
  ],
  performance: { maxEntrypointSize: 400_000, maxAssetSize: 400_000, assetFilter: (name) => name.endsWith('.js') },
});
