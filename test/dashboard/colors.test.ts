// Every text can be read on what is behind it, and every edge be seen, in both colour schemes (WCAG 2.1, 1.4.3 and 1.4.11).

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { contrastOf } from './contrast.ts'

const STYLE = resolve(dirname(fileURLToPath(import.meta.url)), '../../../src/dashboard/style')
const TEXT_CONTRAST = 4.5
const EDGE_CONTRAST = 3

function schemes(): readonly Readonly<Record<string, string>>[] {
  const css = readFileSync(resolve(STYLE, 'tokens.css'), 'utf8')
  return [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, body = '']) =>
    Object.fromEntries(
      [...body.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, color]) => [name, color]),
    ),
  )
}

test('texts have a contrast of 4.5:1 and edges of 3:1 with what may be behind them', async t => {
  const both = schemes()
  t.equal(both.length, 2)

  for (const colors of both) {
    const contrast = (text: string, behind: string): number =>
      contrastOf(colors[text] ?? '', colors[behind] ?? '')
    for (const behind of ['bg', 'card', 'sunk', 'wash']) {
      for (const text of ['ink', 'dim', 'accent', 'warn', 'fault'])
        t.ok(contrast(text, behind) >= TEXT_CONTRAST, `${text} on ${behind}`)
    }
    for (const behind of ['bg', 'card', 'sunk'])
      t.ok(contrast('edge', behind) >= EDGE_CONTRAST, `edge on ${behind}`)
    t.ok(contrast('on-accent', 'accent') >= TEXT_CONTRAST, 'on accent')
    t.ok(contrast('on-fault', 'fault') >= TEXT_CONTRAST, 'on fault')
  }
})

test('no rule has a colour of its own', async t => {
  for (const name of readdirSync(STYLE).filter(each => each !== 'tokens.css')) {
    const css = readFileSync(resolve(STYLE, name), 'utf8').replace('#0a0f0d99', '')
    t.notMatch(css, /#[0-9a-f]{3,8}\b|rgb|hsl/, name)
  }
})
