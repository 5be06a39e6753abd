import { expect, test } from 'vitest';
import * as source from '../lib/index.js';
import { runScript } from './support/child.js';

test('import and require give one and the same package', () => {
  const ended = runScript(`
    import('lp-reg').then((module) => {
      const names = Object.keys(lpreg).filter((name) => name !== '__esModule').sort();
      console.log(names.every((name) => module[name] === lpreg[name]), names.join());
    });
  `);
  const names = Object.keys(source).sort();
  expect(ended).toMatchObject({ status: 0, stdout: `true ${names.join()}\n` });
});

test('the package has the names that its documentation has', () => {
  expect(Object.keys(source).sort()).toStrictEqual([
    'DeviceArray',
    'LpRegError',
    'PolicyLoss',
    'getThreads',
    'inspect',
    'joinShards',
    'presets',
    'proxySnapshot',
    'proxySnapshotSync',
    'setThreads',
    'shardCounts',
    'tokenStats',
    'tokenStatsSync',
    'wholeBatch',
  ]);
});
