// The conformance matrix: every statement of the specifications, its tests, and their results.
// `node dist/test/conformance/matrix.js` runs the conformance tests and prints docs/reference/conformance.md.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { clientOnly } from './client-only.ts'

export const ROOT: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
export const PAGE: string = join(ROOT, 'docs/reference/conformance.md')

export type Version = '5.0' | '3.1.1'

export interface Statement {
  readonly id: string
  readonly version: Version
  readonly text: string
}

export interface Shown {
  readonly file: string
  readonly sentence: string
  /** `5.0 MQTT-3.1.0-1` */
  readonly statements: readonly string[]
  readonly passed: boolean
}

export function statements(): readonly Statement[] {
  return (['5.0', '3.1.1'] as const).flatMap(version => {
    const file = join(ROOT, `test/conformance/statements/mqtt-${version}.json`)
    const list = JSON.parse(readFileSync(file, 'utf8')) as { id: string; text?: string }[]
    return list.map(({ id, text }) => ({ id, version, text: text ?? '' }))
  })
}

export function keyOf(statement: { readonly id: string; readonly version: Version }): string {
  return `${statement.version} ${statement.id}`
}

/** Ids that stand in the sources of the conformance tests: what has a test, without running any. */
export function claimedBySources(): ReadonlySet<string> {
  const claimed = new Set<string>()
  for (const text of testFiles('.ts').map(file => readFileSync(file, 'utf8'))) {
    for (const [, name, list] of text.matchAll(/\b(v5|v311): \[([^\]]*)\]/g)) {
      for (const [id] of (list ?? '').matchAll(/MQTT-[\d.-]+/g)) {
        claimed.add(`${name === 'v5' ? '5.0' : '3.1.1'} ${id}`)
      }
    }
  }
  return claimed
}

/** Runs every conformance test file and reads what it says of its tests. */
export function runAll(): readonly Shown[] {
  return testFiles('.js').flatMap(file => {
    const { stdout } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    return [...stdout.matchAll(/^(ok|not ok) \d+ - (.*)$/gm)].flatMap(([, verdict, title]) => {
      const ids = [...(title ?? '').matchAll(/\\?\[((?:5\.0|3\.1\.1) MQTT-[\d.-]+)\\?\]/g)]
      if (ids.length === 0) return []
      return {
        file: basename(file).replace(/\.js$/, '.ts'),
        sentence: (title ?? '').replace(/ \\?\[(?:5\.0|3\.1\.1) MQTT.*$/, ''),
        statements: ids.map(([, id]) => id ?? ''),
        passed: verdict === 'ok',
      }
    })
  })
}

/** The page, from what the tests said. */
export function pageOf(shown: readonly Shown[]): string {
  const reasons = new Map(clientOnly.map(each => [keyOf(each), each.reason]))
  const lines = [
    '# Conformance',
    '',
    'Every normative statement of MQTT 5.0 and 3.1.1, the tests that show it, and their verdict. This page is printed by',
    '`npm run conformance` from the run of the tests themselves; the build fails when a statement that concerns a server has none.',
    '',
  ]
  for (const version of ['5.0', '3.1.1'] as const) {
    const own = statements().filter(statement => statement.version === version)
    const bound = own.filter(statement => !reasons.has(keyOf(statement)))
    lines.push(
      `## MQTT ${version}`,
      '',
      `${own.length} statements: ${bound.length} concern this broker and are tested, ${own.length - bound.length} do not.`,
      '',
      '| statement | test | verdict |',
      '| --- | --- | --- |',
      ...own.map(statement => rowOf(statement, shown, reasons.get(keyOf(statement)))),
      '',
    )
  }
  return lines.join('\n')
}

function rowOf(statement: Statement, shown: readonly Shown[], reason: string | undefined): string {
  const tests = shown.filter(each => each.statements.includes(keyOf(statement)))
  if (tests.length === 0) return `| ${statement.id} | ${reason ?? 'no test'} | – |`
  const names = tests.map(({ file, sentence }) => `${cell(sentence)} (${file})`).join('<br>')
  const verdict = tests.every(({ passed }) => passed) ? 'holds' : '**fails**'
  return `| ${statement.id} | ${names} | ${verdict} |`
}

function cell(text: string): string {
  return text.replaceAll('\\', '').replaceAll('|', '\\|').replaceAll('<', '&lt;')
}

function testFiles(ending: '.ts' | '.js'): readonly string[] {
  const folder = join(ROOT, ending === '.ts' ? 'test/conformance' : 'dist/test/conformance')
  return readdirSync(folder)
    .filter(name => name.endsWith(`.test${ending}`) && !name.startsWith('matrix'))
    .sort()
    .map(name => join(folder, name))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const shown = runAll()
  writeFileSync(PAGE, pageOf(shown))
  const failed = shown.filter(({ passed }) => !passed)
  console.log(`${shown.length} conformance tests, ${failed.length} failed; printed ${PAGE}`)
  process.exitCode = failed.length === 0 ? 0 : 1
}
