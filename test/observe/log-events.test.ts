// The reference of log events is whole: no line of the log is unexplained, and no warning is without advice.

import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'tap'
import { DROP_WORDS } from '../../src/observe/drop-words.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const PAGE = readFileSync(join(ROOT, 'docs/reference/log-events.md'), 'utf8')

/** The codes that the code of the broker has, and the levels of the page. */
function eventsOfSource(): ReadonlySet<string> {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  const texts = files
    .filter(name => name.endsWith('.ts'))
    .map(name => readFileSync(join(ROOT, 'src', name), 'utf8'))
  return new Set(
    texts.flatMap(text =>
      [...text.matchAll(/\bevent: '([a-z.-]+)'/g)].map(([, name = '']) => name),
    ),
  )
}

interface Section {
  readonly events: readonly string[]
  readonly levels: string
  readonly text: string
}

const SECTIONS: readonly Section[] = PAGE.split(/^(?=##)/m)
  .filter(text => text.startsWith('### '))
  .map(text => {
    const [heading = ''] = text.split('\n')
    const events = [...heading.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
    return { events, levels: /\(([^)]*)\)$/.exec(heading)?.[1] ?? '', text }
  })

test('every event of the log has its place in the reference, and none is there that does not exist', async t => {
  const told = SECTIONS.flatMap(({ events }) => events)
  t.strictSame([...told].sort(), [...eventsOfSource()].sort())
  t.equal(new Set(told).size, told.length, 'none is there twice')
})

test('every warning and every error says what to do', async t => {
  for (const { events, levels, text } of SECTIONS) {
    t.match(levels, /^(?:fatal|error|warn|info|debug)(?:, |$)/, events.join())
    if (!/fatal|error|warn/.test(levels)) continue
    t.match(text, /\*\*What to do\.\*\* \S/, events.join())
  }
})

test('every reason for a drop has a line with advice', async t => {
  const lines = [...PAGE.matchAll(/^\| `([a-z0-9-]+)` \| \S.* \| \S.* \|$/gm)]
  t.strictSame(lines.map(([, reason]) => reason).sort(), Object.keys(DROP_WORDS).sort())
})
