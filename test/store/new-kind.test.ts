// What the compiler demands of somebody who adds a kind of durable change, or of an owner: tried in a copy of the sources.

import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test, type Test } from 'tap'

const ROOT = resolve(import.meta.dirname, '../../..')
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc')

class SourceCopy {
  readonly #directory: string

  constructor(t: Test) {
    this.#directory = t.testdir()
    for (const name of ['src', 'sim']) {
      const isSource = (from: string): boolean =>
        !/\/samples(?:\/|$)|node_modules|\/data(?:\/|$)/.test(from.slice(ROOT.length))
      cpSync(join(ROOT, name), join(this.#directory, name), { recursive: true, filter: isSource })
    }
    for (const name of ['tsconfig.json', 'package.json']) {
      cpSync(join(ROOT, name), join(this.#directory, name))
    }
    symlinkSync(join(ROOT, 'node_modules'), join(this.#directory, 'node_modules'))
  }

  /** Puts lines behind, or before, the one that begins so. */
  adds(
    file: string,
    line: string,
    behind: readonly string[],
    before: readonly string[] = [],
  ): void {
    const path = join(this.#directory, file)
    const lines = readFileSync(path, 'utf8').split('\n')
    const at = lines.findIndex(each => each.startsWith(line))
    const added = [...before, lines[at] ?? '', ...behind]
    writeFileSync(path, lines.toSpliced(at, 1, ...added).join('\n'))
  }

  /** Files that the compiler finds fault with, of these and what they import. */
  filesWithErrors(include: readonly string[]): readonly string[] {
    const project = join(this.#directory, 'part.json')
    const compilerOptions = { noEmit: true, pretty: false }
    writeFileSync(project, JSON.stringify({ extends: './tsconfig.json', compilerOptions, include }))
    // Without what the test runner adds to every process of its own.
    const command = ['-u', 'NODE_OPTIONS', process.execPath, COMPILER, '-p', project]
    const { stdout } = spawnSync('env', command, { cwd: this.#directory, encoding: 'utf8' })
    const files = [...stdout.matchAll(/^(\S+?)\(\d+,\d+\): error/gm)].map(([, file]) => file ?? '')
    return [...new Set(files)].sort()
  }
}

/** What the broker is made of, and its simulator. The tests would take as long again. */
const PROGRAM = ['src', 'sim']

test('a new kind of change is its row, and one more file: the plain state that stores are compared with', async t => {
  const copy = new SourceCopy(t)
  copy.adds('src/store/change.ts', 'export const CHANGE_KINDS = {', [
    "  'session-renamed': changeKind(99, { clientId: text, name: text }, (ledger, { clientId }) => {",
    '    ledger.clearWill(clientId)',
    '  }),',
  ])

  t.strictSame(copy.filesWithErrors(PROGRAM), ['src/store-kit/durable-clients.ts'])
})

test('a kind of change without an effect does not compile', async t => {
  const copy = new SourceCopy(t)
  copy.adds('src/store/change.ts', 'export const CHANGE_KINDS = {', [
    "  'session-renamed': changeKind(99, { clientId: text, name: text }),",
  ])

  t.ok(copy.filesWithErrors(['src/store/change.ts']).includes('src/store/change.ts'))
})

test('a new kind of owner is its row, what a snapshot tells of it, and what the broker makes of that', async t => {
  const copy = new SourceCopy(t)
  copy.adds(
    'src/store/owner.ts',
    'interface OwnerRule<',
    [],
    [
      'export interface ChannelOwner {',
      "  readonly kind: 'channel'",
      '  readonly name: string',
      '}',
      '',
    ],
  )
  copy.adds('src/store/owner.ts', 'const OWNER_RULES = {', [
    '  channel: {',
    '    number: 99,',
    '    codec: {',
    '      write: (writer, { name }) => writer.string(name),',
    "      read: reader => ({ kind: 'channel', name: reader.name() }),",
    '    },',
    '    key: ({ name }) => `channel/${name}`,',
    '  } satisfies OwnerRule<ChannelOwner>,',
  ])

  t.strictSame(copy.filesWithErrors(PROGRAM), [
    'src/broker/restore.ts',
    'src/store-kit/durable-parts.ts',
    'src/store/ledger/snapshot.ts',
  ])
})
