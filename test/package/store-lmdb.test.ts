// The store of examples/store-lmdb, compiled and tested as a package of somebody else: so the port stays one that others can implement.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'tap'

const ROOT = resolve(import.meta.dirname, '../../..')

test('a store of somebody else compiles, keeps the rules, and survives a kill', async t => {
  const directory = t.testdir()
  for (const name of ['package.json', 'tsconfig.json', 'test'])
    cpSync(join(ROOT, 'examples/store-lmdb', name), join(directory, name), { recursive: true })
  for (const name of ['lmdb-store.ts', 'changes.ts', 'snapshot.ts', 'tables.ts'])
    cpSync(join(ROOT, 'examples/store-lmdb', name), join(directory, name))
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(ROOT, join(directory, 'node_modules/pondhawk'))
  for (const name of ['lmdb', '@types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name))
  // Without what the test runner puts before every program of Node.
  const run = (...words: readonly string[]): string =>
    execFileSync(
      'env',
      ['-u', 'NODE_OPTIONS', '-u', 'NODE_TEST_CONTEXT', process.execPath, ...words],
      {
        cwd: directory,
        encoding: 'utf8',
      },
    )

  run(join(ROOT, 'node_modules/typescript/bin/tsc'))
  const said = run('--test', '--test-reporter', 'tap', 'dist/test/lmdb-store.test.js')

  t.match(said, /^# fail 0$/m)
  t.ok(Number(/^# pass (\d+)$/m.exec(said)?.[1]) > 30)
})
