// Runs the tests: `npm test`, `npm run test:one -- test/session/session.test.ts`, `npm run test:fast`, `npm run watch -- test/session`.
// Test files say in TAP what they found. tap's own runner loads a module loader into each process of a test, and each of theirs,
// to know which files they load; without it they need about half of the time. A slow file is a process; quick ones share one with
// others of their folder, because a process that loads the broker needs a second of CPU before its first test.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, watch, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')
const FOLDERS = ['src', 'test', 'sim', 'fuzz', 'crash', 'bench', 'interop', 'soak']
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
const SEVERAL = join(ROOT, 'test/several.mjs')
const VITE = join(ROOT, 'node_modules/vite/bin/vite.js')
const PROCESS_SECONDS_MAX = 300
/** What each process said, when all of them were run: by its first file. */
const RESULTS = join(ROOT, 'test-results')
/** Many files wait for a disk, a browser or a clock. */
const PROCESSES_PER_PROCESSOR = 2
const FILES_A_PROCESS = 6
const SLOWEST_SHOWN = 10

/** What `test:fast` leaves out, by the beginning of the path, unless it is named. All tests begin with these, each in its own process. */
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
  'store/jetstream': 'a server of NATS',
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
    all: { type: 'boolean', default: false },
    fast: { type: 'boolean', default: false },
    watch: { type: 'boolean', default: false },
    grep: { type: 'string', short: 'g', default: '' },
  },
})

const wanted = positionals.flatMap(filesOf)
if (values.all) process.exitCode = (await runAll(allFiles())) ? 0 : 1
else if (values.watch) watchSources()
else process.exitCode = compile() && (await runAll(files())) ? 0 : 1

function files() {
  return values.fast && wanted.length === 0 ? testFilesBelow('test') : wanted
}

/** Those that were named, or all, the slow ones first: so that no processor is idle at the end. `npm test` has compiled them. */
function allFiles() {
  rmSync(RESULTS, { recursive: true, force: true })
  const all = wanted.length > 0 ? wanted : testFilesBelow('test')
  return [...all.filter(isSlow), ...all.filter(file => !isSlow(file))]
}

function isSlow(file) {
  return Object.keys(SLOW).some(start => file.startsWith(`test/${start}`))
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
    .filter(file => !values.fast || !isSlow(file))
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
  const waiting = processesOf(sources)
  const results = []
  const worker = async () => {
    for (let files = waiting.shift(); files !== undefined; files = waiting.shift()) {
      results.push(await runTogether(files))
    }
  }
  const jobs = availableParallelism() * (values.all ? PROCESSES_PER_PROCESSOR : 1)
  await Promise.all(Array.from({ length: Math.ceil(jobs) }, worker))
  const seconds = (performance.now() - start) / 1_000
  report(results, seconds)
  return results.every(({ isGood }) => isGood)
}

/** The files of each process: a slow one is alone, quick ones are with others of their folder. */
function processesOf(sources) {
  const processes = []
  for (const source of sources) {
    const last = processes.at(-1)
    const mayJoin =
      last !== undefined &&
      last.length < FILES_A_PROCESS &&
      dirname(last[0]) === dirname(source) &&
      !isSlow(source) &&
      !isSlow(last[0])
    if (mayJoin) last.push(source)
    else processes.push([source])
  }
  return processes
}

function report(results, seconds) {
  if (values.all) {
    console.log('The slowest processes, in seconds:')
    const bySeconds = [...results].sort((a, b) => b.seconds - a.seconds)
    for (const { name, seconds } of bySeconds.slice(0, SLOWEST_SHOWN)) {
      console.log(`  ${seconds.toFixed(1)} ${name}`)
    }
  }
  const bad = results.filter(({ isGood }) => !isGood)
  const words = `${results.length} processes, ${bad.length} failed, ${seconds.toFixed(1)} s`
  for (const { name } of bad) console.log(`  failed: ${name}`)
  console.log(`${sum(results, 'total')} assertions in ${words}`)
  // A process that ended without its closing line has failed, too.
  const failed = bad.reduce((before, { fail }) => before + Math.max(fail, 1), 0)
  console.log(
    `# { total: ${sum(results, 'pass') + failed}, pass: ${sum(results, 'pass')}, fail: ${failed} }`,
  )
}

function sum(results, name) {
  return results.reduce((before, result) => before + result[name], 0)
}

function runTogether(sources) {
  const start = performance.now()
  const name =
    sources.length === 1 ? sources[0] : `${sources[0]} and ${sources.length - 1} after it`
  const files = sources.map(source => join(ROOT, 'dist', source.replace(/\.ts$/, '.js')))
  const [first, ...others] = files
  const program = others.length === 0 ? [first] : [SEVERAL, first]
  const env = { ...process.env, TAP_TIMEOUT: String(PROCESS_SECONDS_MAX) }
  if (others.length > 0) env.OTHER_TEST_FILES = others.join('\n')
  if (values.grep !== '') env.TAP_GREP = values.grep
  const child = spawn(process.execPath, ['--enable-source-maps', ...program], {
    cwd: ROOT,
    env,
    timeout: (PROCESS_SECONDS_MAX + 10) * 1_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.on('data', data => (output += data))
  child.stderr.on('data', data => (output += data))
  return new Promise(done => {
    child.on('close', (code, signal) => {
      const closing = /^# \{ total: .* \}$/m.exec(output)?.[0] ?? ''
      const [total, pass, fail] = ['total', 'pass', 'fail'].map(name => counted(closing, name))
      const isGood = code === 0 && closing !== '' && fail === 0
      if (!isGood) console.log(`${name} (${signal ?? `exit code ${code}`})\n${whatFailed(output)}`)
      if (values.all) keepOutput(sources[0], output)
      const seconds = (performance.now() - start) / 1_000
      done({ name, total, pass, fail, seconds, isGood })
    })
  })
}

function counted(closing, name) {
  return Number(new RegExp(`\\b${name}: (\\d+)`).exec(closing)?.[1] ?? 0)
}

function keepOutput(source, output) {
  const file = join(RESULTS, source.replace(/\.ts$/, '.tap'))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, output)
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
