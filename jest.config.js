// Published as ES modules only, by this Grafana or a later one, so Jest must transform them.
const esModules = [
  '@react-hookz/web',
  '@ver0/deep-equal',
  '@wojtekmaj/date-utils',
  'd3(-[a-z]+)?',
  'delaunator',
  'get-user-locale',
  'internmap',
  'marked',
  'memoize',
  'mimic-function',
  'ol',
  'react-calendar',
  'robust-predicates',
];

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'jsdom',
  roots: ['<rootDir>/src'],
  testTimeout: 30_000,
  setupFilesAfterEnv: ['<rootDir>/src/test/setup.ts'],
  transform: {
    '^.+\\.(t|j)sx?$|^.+\\.mjs$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', tsx: true },
          transform: { react: { runtime: 'automatic' } },
        },
      },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(.*/node_modules/)?(${esModules.join('|')})/)(?!.*\\.mjs$)`],
  moduleNameMapper: {
    '\\.css$|^react-inlinesvg$': '<rootDir>/src/test/stub.ts',
    '^react/jsx-runtime$': '<rootDir>/src/jsxRuntime.ts', // as webpack does
  },
};
