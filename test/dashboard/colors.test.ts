// Every text can be read on what is behind it, and every edge be seen, in both colour schemes (WCAG 2.1, 1.4.3 and 1.4.11).

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'

const STYLE = resolve(dirname(fileURLToPath(import.meta.url)), '../../../src/dashboard/style')
const TEXT_CONTRAST = 4.5
const EDGE_CONTRAST = 3

/** Relative luminance and contrast as WCAG 2.1 defines them. */
function contrastOf(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

function luminanceOf(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

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
