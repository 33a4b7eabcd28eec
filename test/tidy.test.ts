// The rules that can be checked automatically: allowed imports, what the core must not use, and the length of files and
// functions. ARCHITECTURE.md gives the reasons.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const SOURCE = join(ROOT, 'src')

/** Modules (folders of `src/`, or files), and what they may import besides themselves. `*` is any. ARCHITECTURE.md says the same. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  packet: [],
  'limits.ts': ['messaging-limits.ts'],
  'messaging-limits.ts': [],
  'thrown.ts': [],
  'nearest.ts': [],
  'message.ts': ['packet'],
  routing: ['message.ts', 'nearest.ts', 'packet'],
  access: ['packet', 'routing', 'node:', 'hash-wasm', 'jose'],
  store: ['access/identity.ts', 'message.ts', 'packet', 'routing', 'thrown.ts', 'node:'],
  session: ['access', 'limits.ts', 'message.ts', 'packet', 'routing', 'store'],
  broker: ['access', 'limits.ts', 'message.ts', 'packet', 'routing', 'session', 'store'],
  partition: ['access', 'broker', 'message.ts', 'packet', 'routing', 'session', 'store'],
  connection: [
    'access',
    'broker',
    'limits.ts',
    'message.ts',
    'packet',
    'routing',
    'session',
    'store/journal.ts',
    'thrown.ts',
  ],
  loop: ['broker', 'limits.ts', 'message.ts', 'packet', 'routing', 'store', 'thrown.ts', 'node:'],
  records: [
    'access',
    'broker',
    'limits.ts',
    'message.ts',
    'observe',
    'packet',
    'routing',
    'session',
    'thrown.ts',
    'node:',
  ],
  hooks: [
    'access',
    'broker',
    'loop',
    'message.ts',
    'nearest.ts',
    'packet',
    'routing',
    'session',
    'thrown.ts',
  ],
  observe: ['broker', 'message.ts', 'packet', 'routing', 'session', 'store', 'node:', 'pino'],
  'front-end': ['link', 'observe', 'packet', 'transport', 'node:'],
  link: ['access', 'observe', 'packet', 'thrown.ts', 'transport', 'node:'],
  transport: [
    'access',
    'connection',
    'limits.ts',
    'loop',
    'observe',
    'packet',
    'thrown.ts',
    'node:',
    'ws',
  ],
  bridge: ['access', 'config', 'observe', 'packet', 'routing', 'thrown.ts', 'node:'],
  mosquitto: [
    'config',
    'limits.ts',
    'message.ts',
    'packet',
    'routing',
    'store',
    'thrown.ts',
    'node:',
    'yaml',
  ],
  config: ['limits.ts', 'nearest.ts', 'transport', 'packet', 'routing', 'node:', 'zod', 'yaml'],
  api: [
    'access',
    'broker',
    'config',
    'loop',
    'message.ts',
    'nearest.ts',
    'observe',
    'packet',
    'records',
    'routing',
    'session',
    'thrown.ts',
    'transport/listener-options.ts',
    'node:',
    'zod',
    'hono',
    '@hono/node-server',
  ],
  dashboard: ['api/contract', 'preact', '@preact/signals', 'uplot'],
  documentation: ['dashboard/style', 'node:', 'marked', 'vite'],
  aedes: ['*'],
  server: ['*'],
  cli: ['*'],
  'cli.ts': ['*'],
  'index.ts': ['*'],
  'store-kit': ['access/identity.ts', 'message.ts', 'packet', 'store', 'node:'],
  'store-kit.ts': ['*'],
}

const PURE_MODULES = [
  'packet',
  'message.ts',
  'limits.ts',
  'messaging-limits.ts',
  'nearest.ts',
  'thrown.ts',
  'routing',
  'session',
  'broker',
  'partition',
  'connection',
]
/** What would let the core wait, read a clock, take a random number or reach outside. */
const FORBIDDEN_IN_CORE =
  /\basync\b|\bawait\b|\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bprocess\.|\bperformance\b|\bqueueMicrotask\b/
const NODE_IN_CORE = ['node:assert', 'node:buffer']

const FILE_LINES_MAX = 450
/** It is made, so nobody reads it in one go. */
const MADE_FROM_SCHEMA = 'config/config-types.ts'
const FUNCTION_LINES_MAX = 60
/** Methods and accessors, without the constructor. */
const CLASS_METHODS_MAX = 20
const CLASS_FIELDS_MAX = 10
/** A class over these bounds defends itself in the comment right above it: `// Wide on purpose: …`. */
const WIDE_ON_PURPOSE = 'Wide on purpose: '
/** Wide, and not mended yet (issue 11). This list only becomes shorter. */
const WIDE_CLASSES: readonly string[] = []

interface Source {
  readonly name: string
  readonly text: string
}

function sources(): readonly Source[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter(name => /(?<!\.d)\.tsx?$/.test(name))
    .map(name => ({ name, text: readFileSync(join(SOURCE, name), 'utf8') }))
}

function moduleOf(name: string): string {
  return name.split('/')[0] ?? name
}

function importsOf({ name, text }: Source): readonly string[] {
  const found = [...text.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'|^import '([^']+)'/gms)]
  return found.map(match => {
    const target = match[1] ?? match[2] ?? ''
    return target.startsWith('.') ? relative(SOURCE, join(SOURCE, dirname(name), target)) : target
  })
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')
}

test('every import runs downwards', async t => {
  const upwards: string[] = []
  for (const source of sources()) {
    const module = moduleOf(source.name)
    const allowed = MAY_IMPORT[module]
    t.ok(allowed, `${module} is a module that has its rule`)
    for (const target of importsOf(source)) {
      if (allowed?.includes('*') === true || moduleOf(target) === module) continue
      const isAllowed = allowed?.some(each => target.startsWith(each)) === true
      const isCoreNode = PURE_MODULES.includes(module) && NODE_IN_CORE.includes(target)
      if (!isAllowed && !isCoreNode) upwards.push(`${source.name} imports ${target}`)
    }
  }
  t.strictSame(upwards, [])
})

test('the table of modules in ARCHITECTURE.md says what they may import', async t => {
  const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
  const table = page.slice(page.indexOf('| module |'), page.indexOf('are **pure**'))
  const said = new Map<string, string>()
  for (const [, names = '', imports = ''] of table.matchAll(/^\| (`.*?) \|.*\| (.*?) \|$/gm)) {
    for (const [, name = ''] of names.matchAll(/`(.*?)\/?`/g)) said.set(name, imports)
  }
  for (const [module, allowed] of Object.entries(MAY_IMPORT)) {
    t.equal(said.get(module), inWords(allowed), module)
    said.delete(module)
  }
  t.strictSame([...said.keys()], [], 'every module of the table is there')
  const pure = /^(`.*?) are \*\*pure/ms.exec(page)?.[1] ?? ''
  t.strictSame(
    [...pure.slice(pure.lastIndexOf('\n\n') + 1).matchAll(/`(.*?)`/g)].map(([, name]) => name),
    PURE_MODULES,
  )
})

function inWords(allowed: readonly string[]): string {
  if (allowed.includes('*')) return 'everything'
  if (allowed.length === 0) return 'nothing'
  return allowed.map(each => (each === 'node:' ? 'Node' : each)).join(', ')
}

test('each folder of src has a folder of tests', async t => {
  for (const entry of readdirSync(SOURCE, { withFileTypes: true })) {
    // The rules of the store kit are tests themselves, which test/store runs.
    if (!entry.isDirectory() || entry.name === 'store-kit') continue
    t.ok(existsSync(join(ROOT, 'test', entry.name)), entry.name)
  }
})

/** Reached without an import: the specification's table of reason codes, what the kit shows, and the shapes of the API, for its clients. */
const EXPORTS_OF_THEIR_OWN = [
  'src/packet/reason.ts',
  'src/index.ts',
  'src/store-kit.ts',
  'src/api/contract/',
  // Read at run time, with the first request.
  'src/api/routes/all.ts',
  // Read by the configuration of vite.
  'src/documentation/build/plugin.ts',
]

test('what a file exports is imported somewhere', async t => {
  const files = ['src', 'test', 'sim', 'fuzz', 'crash', 'bench', 'interop', 'soak'].flatMap(
    folder =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter(name => /(?<!\.d)\.tsx?$/.test(name))
        .map(name => ({
          name: `${folder}/${name}`,
          text: readFileSync(join(ROOT, folder, name), 'utf8'),
        })),
  )
  const imported = new Set(files.flatMap(namesImportedBy))
  const unused: string[] = []
  for (const { name, text } of files) {
    if (!name.startsWith('src/')) continue
    if (EXPORTS_OF_THEIR_OWN.some(each => name.startsWith(each))) continue
    for (const [, exported = ''] of text.matchAll(EXPORT)) {
      if (!imported.has(`${name} ${exported}`)) unused.push(`${name}: ${exported}`)
    }
  }
  t.strictSame(unused, [])
})

const EXPORT = /^export (?:abstract |async )*(?:const|function\*?|class|interface|type) (\w+)/gm
const NAMES_FROM = /^(?:import|export)(?: type)? (?:\w+, )?\{([^}]*)\} from '(\.[^']+)'/gm

function namesImportedBy({ name, text }: Source): readonly string[] {
  return [...text.matchAll(NAMES_FROM)].flatMap(([, names = '', from = '']) =>
    names.split(',').map(each => {
      const imported = /^\s*(?:type )?(\w+)/.exec(each)?.[1] ?? ''
      return `${join(dirname(name), from)} ${imported}`
    }),
  )
}

test('every path that test:fast leaves out exists', async t => {
  const text = readFileSync(join(ROOT, 'test/run.mjs'), 'utf8')
  const slow = text.slice(text.indexOf('const SLOW'), text.indexOf('const { values'))
  const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  const starts = [...slow.matchAll(/^  '(.*?)':/gm)].map(([, start = '']) => start)
  t.ok(starts.length > 10)
  for (const start of starts)
    t.ok(
      tests.some(name => name.startsWith(start)),
      start,
    )
})

test('no file imports itself by way of others', async t => {
  const graph = new Map(
    sources().map(source => [
      source.name,
      // A type leaves nothing behind at run time: only values make a circle.
      importsOf({
        ...source,
        text: source.text.replaceAll(/^import type[\s\S]*?from '[^']+'/gm, ''),
      }),
    ]),
  )
  const circles: string[] = []
  const walk = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      circles.push([...path.slice(path.indexOf(name)), name].join(' → '))
      return
    }
    if (finished.has(name)) return
    for (const next of graph.get(name) ?? []) walk(next, [...path, name])
    finished.add(name)
  }
  const finished = new Set<string>()
  for (const name of graph.keys()) walk(name, [])
  t.strictSame(circles, [])
})

test('the core cannot wait, read a clock, take a random number or reach outside', async t => {
  const found: string[] = []
  for (const { name, text } of sources()) {
    if (!PURE_MODULES.includes(moduleOf(name))) continue
    const lines = withoutComments(text).split('\n')
    for (const line of lines) {
      const bare = line.replaceAll(/'[^']*'|`[^`]*`/g, '')
      if (FORBIDDEN_IN_CORE.test(bare)) found.push(`${name}: ${line.trim()}`)
    }
  }
  t.strictSame(found, [])
})

/** What belongs to the process, whatever number of brokers is in it. */
const STATE_OF_THE_PROCESS = ['observe/resident-memory.ts']

test('only server/ makes brokers, and no other module has variables that two of them would share', async t => {
  const found: string[] = []
  for (const { name, text } of sources()) {
    const module = moduleOf(name)
    if (['server', 'dashboard', 'documentation'].includes(module)) continue
    const [, made] = /\bnew (Broker|Core)\(/.exec(withoutComments(text)) ?? []
    if (made !== undefined) found.push(`${name} makes a ${made}`)
    const [, shared] = /^(?:export )?(?:let|var) (\w+)/m.exec(text) ?? []
    if (shared !== undefined && !STATE_OF_THE_PROCESS.includes(name))
      found.push(`${name} has the variable ${shared}`)
  }
  t.strictSame(found, [])
})

test('files and functions are short enough to be read in one go', async t => {
  const long: string[] = []
  for (const { name, text } of sources()) {
    const lines = text.split('\n')
    if (lines.length - 1 > FILE_LINES_MAX && name !== MADE_FROM_SCHEMA)
      long.push(`${name}: ${lines.length - 1} lines`)
    let start = -1
    let indent = ''
    for (const [index, line] of lines.entries()) {
      const opening =
        /^( *)(?:export )?(?:default )?(?:async )?(?:function\*? |(?:static |async |get |set |#|\*)*[a-zA-Z#]\w*\().*\{$/.exec(
          line,
        )
      if (start < 0 && opening !== null && !/^\s*(?:if|for|while|switch|return)\b/.test(line)) {
        start = index
        indent = opening[1] ?? ''
      } else if (start >= 0 && line === `${indent}}`) {
        if (index - start > FUNCTION_LINES_MAX)
          long.push(`${name}:${start + 1}: ${index - start} lines`)
        start = -1
      }
    }
  }
  t.strictSame(long, [])
})

interface ClassShape {
  readonly name: string
  /** What stands before it, without a blank line between. */
  readonly comment: string
  readonly methods: number
  readonly fields: number
}

const CLASS = /((?:^(?:\/\/|\/\*\*| \*).*\n)*)^(?:export )?(?:abstract )?class (\w+)[^]*?^}$/gm
const WORDS =
  '(?:(?:private|protected|public|static|override|abstract|async|get|set|readonly) |\\*)*'
const METHOD = new RegExp(`^  ${WORDS}(?!constructor\\b)(?:#?\\w+|\\[[\\w.]+\\])(?:<.*>)?\\(`, 'gm')
const FIELD = new RegExp(`^  (?:${WORDS}|declare )#?\\w+(?:[?!]?:| =|$)`, 'gm')

function classesOf(text: string): readonly ClassShape[] {
  return [...text.matchAll(CLASS)].map(([body, comment = '', name = '']) => ({
    name,
    comment,
    methods: body.match(METHOD)?.length ?? 0,
    fields: body.match(FIELD)?.length ?? 0,
  }))
}

test('a class has few methods and fields, or a comment that says why not', async t => {
  const wide: string[] = []
  for (const { text } of sources()) {
    for (const { name, comment, methods, fields } of classesOf(text)) {
      const isWide = methods > CLASS_METHODS_MAX || fields > CLASS_FIELDS_MAX
      if (isWide && !comment.includes(WIDE_ON_PURPOSE)) {
        wide.push(name)
        t.comment(`${name}: ${methods} methods and accessors, ${fields} fields`)
      }
    }
  }
  t.strictSame(wide.sort(), WIDE_CLASSES, 'a class that is mended leaves the list')
})

/** A call takes so many arguments as the stack has room for: an array of 125,000 ends the process. */
const SPREAD_INTO_CALL =
  /\b(?:push|unshift|splice|concat|max|min|fromCharCode|fromCodePoint|of)\([^()[\]{}`]*\.\.\./

test('no array is spread into the arguments of a call that takes any number of them', async t => {
  const found: string[] = []
  for (const { name, text } of sources()) {
    for (const line of withoutComments(text).split('\n')) {
      if (SPREAD_INTO_CALL.test(line)) found.push(`${name}: ${line.trim()}`)
    }
  }
  t.strictSame(found, [])
})

// V8 asks its runtime for each use of one, in optimised code as well: some 10 ns, where a method takes none.
test('no class has private getters', async t => {
  const found: string[] = []
  for (const { name, text } of sources()) {
    if (/\bget #/.test(withoutComments(text))) found.push(name)
  }
  t.strictSame(found, [])
})

test('nothing is left to be done in the code without an issue', async t => {
  const left = sources().filter(({ text }) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text))
  t.strictSame(
    left.map(({ name }) => name),
    [],
  )
})
