// Runs some of the tests: `npm run test:one -- test/session/session.test.ts`, `npm run test:fast`, `npm run watch -- test/session`.
// It compiles changed files and runs each test file in a Node process, so a single file takes seconds.
// `npm test` runs all of them with tap, with all of its reporters and options.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync, watch } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')
const FOLDERS = ['src', 'test', 'sim', 'fuzz', 'crash', 'bench', 'interop']
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
const VITE = join(ROOT, 'node_modules/vite/bin/vite.js')
const FILE_SECONDS_MAX = 240

/** What `test:fast` leaves out, by the beginning of the path, unless it is named. */
const SLOW = {
  'access/password/': 'hashes that take their time on purpose',
  'cli/': 'processes',
  'crash/': 'processes',
  'dashboard/screens': 'a browser',
  'docs.test': 'processes',
  'docs/': 'processes',
  'fuzz/': "the fuzzer's time",
  'interop/': 'programs and browsers',
  'mosquitto/move.test': 'processes',
  'observe/log-flood': 'floods',
  'observe/stranger-flood': 'floods, TLS',
  'package/': 'an installed package',
  'packet/differential': 'thousands of packets, beside another codec',
  'server/clock': 'waits for real time',
  'server/descriptors': 'waits for descriptors',
  'server/ends': 'TLS',
  'server/faults': 'waits for real time',
  'server/small-heap': 'processes',
  'server/strangers': 'floods',
  'server/transports': 'every transport, TLS',
  'session/memory-account': 'what thousands of clients keep, measured',
  'session/share-group-work': 'groups of thousands',
  'sim/': "the simulator's time",
  'store/disk-full': 'disks that are full',
  'store/file-store': 'every rule of a store, on a disk',
  'store/log-model': 'thousands of scripts on a log',
  'store/maintenance': 'whole stores, copied and mended',
  'store/new-kind': 'a compiler',
  'store/store-directory': 'processes',
  'store/truncation': 'a log cut at each of its bytes',
  'threats/': 'processes that are attacked',
  'transport/tls': 'TLS',
  'transport/wire-contract': 'TLS',
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    fast: { type: 'boolean', default: false },
    watch: { type: 'boolean', default: false },
    grep: { type: 'string', short: 'g', default: '' },
  },
})

const wanted = positionals.flatMap(filesOf)
if (values.watch) watchSources()
else process.exitCode = compile() && (await runAll(files())) ? 0 : 1

function files() {
  return values.fast && wanted.length === 0 ? testFilesBelow('test') : wanted
}

/** A file, a folder, or what was compiled from it: the sources, relative to the root. */
function filesOf(argument) {
  const path = relative(ROOT, resolve(argument))
    .replace(/^dist\//, '')
    .replace(/\.js$/, '.ts')
  if (!existsSync(join(ROOT, path))) {
    console.error(`There is no ${path}.`)
    process.exit(1)
  }
  return statSync(join(ROOT, path)).isDirectory() ? testFilesBelow(path) : [path]
}

function testFilesBelow(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.ts'))
    .map(name => `${folder}/${name}`)
    .filter(
      file => !values.fast || !Object.keys(SLOW).some(start => file.startsWith(`test/${start}`)),
    )
    .sort()
}

function compile() {
  removeOrphans()
  return (
    run(TSC) &&
    (!needsCommand() || run(VITE, 'build', '--config', 'src/cli/vite.config.mjs')) &&
    (!needsDashboard() || run(VITE, 'build', 'src/dashboard')) &&
    (!needsDocumentation() ||
      run(VITE, 'build', '--config', 'src/documentation/vite.config.mjs', 'src/documentation'))
  )
}

function run(...command) {
  return spawnSync(process.execPath, command, { cwd: ROOT, stdio: 'inherit' }).status === 0
}

/** Whether the bundle of the command is older than a module of it. */
function needsCommand() {
  const bundle = statSync(join(ROOT, 'dist/bundle/command/pondhawk.js'), { throwIfNoEntry: false })
  const modules = readdirSync(join(ROOT, 'dist/src'), { recursive: true, encoding: 'utf8' })
  return modules.some(
    name =>
      name.endsWith('.js') &&
      statSync(join(ROOT, 'dist/src', name)).mtimeMs > (bundle?.mtimeMs ?? 0),
  )
}

/** Only its own tests need it as it is now. */
function needsDashboard() {
  if (!existsSync(join(ROOT, 'dist/dashboard/index.html'))) return true
  return files().some(file => file.startsWith('test/dashboard/'))
}

/** Only its own tests need it as it is now. */
function needsDocumentation() {
  if (!existsSync(join(ROOT, 'dist/docs/manifest.json'))) return true
  return files().some(file => /^test\/(?:dashboard|documentation)\//.test(file))
}

/** What was compiled from sources that are gone. */
function removeOrphans() {
  for (const folder of FOLDERS.filter(each => existsSync(join(ROOT, 'dist', each)))) {
    for (const name of readdirSync(join(ROOT, 'dist', folder), {
      recursive: true,
      encoding: 'utf8',
    })) {
      if (!/\.(?:js|js\.map|d\.ts)$/.test(name)) continue
      const source = join(ROOT, folder, name.replace(/\.(?:js|js\.map|d\.ts)$/, '.ts'))
      if (!existsSync(source)) rmSync(join(ROOT, 'dist', folder, name))
    }
  }
}

async function runAll(sources) {
  const start = performance.now()
  const waiting = [...sources]
  const failed = []
  let tests = 0
  const worker = async () => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      const result = await runOne(source)
      tests += result.tests
      if (!result.isGood) failed.push(source)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  const seconds = ((performance.now() - start) / 1_000).toFixed(1)
  console.log(
    `${tests} assertions in ${sources.length} files, ${failed.length} failed, ${seconds} s`,
  )
  for (const source of failed) console.log(`  failed: ${source}`)
  return failed.length === 0
}

function runOne(source) {
  const file = join(ROOT, 'dist', source.replace(/\.ts$/, '.js'))
  const env = { ...process.env, TAP_TIMEOUT: String(FILE_SECONDS_MAX) }
  if (values.grep !== '') env.TAP_GREP = values.grep
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    cwd: ROOT,
    env,
    timeout: FILE_SECONDS_MAX * 1_000,
  })
  let output = ''
  child.stdout.on('data', data => (output += data))
  child.stderr.on('data', data => (output += data))
  return new Promise(done => {
    child.on('close', code => {
      const tests = Number(/^# \{ total: (\d+)/m.exec(output)?.[1] ?? 0)
      if (code !== 0) console.log(`${source}\n${whatFailed(output)}`)
      done({ tests, isGood: code === 0 })
    })
  })
}

/** The output without what went well. */
function whatFailed(output) {
  return output
    .split('\n')
    .filter(line => line.trim() !== '' && !/^ *(?:ok |1\.\.|# time=|TAP version)/.test(line))
    .filter((line, index, lines) => !isSubtest(line) || /^ *not ok/.test(lines[index + 1] ?? ''))
    .join('\n')
}

function isSubtest(line) {
  return /^ *# Subtest/.test(line)
}

/** Compiles and runs again after each change; one run at a time. */
function watchSources() {
  let timer = null
  let isRunning = false
  let isStale = false
  const run = async () => {
    if (isRunning) {
      isStale = true
      return
    }
    isRunning = true
    if (compile() && files().length > 0) await runAll(files())
    console.log('waiting for a change')
    isRunning = false
    if (isStale) schedule()
  }
  const schedule = () => {
    isStale = false
    clearTimeout(timer)
    timer = setTimeout(run, 200)
  }
  for (const folder of FOLDERS) watch(join(ROOT, folder), { recursive: true }, schedule)
  schedule()
}
