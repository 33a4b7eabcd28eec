// Three programs for aedes, moved by their import line: they print the same.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'

const ROOT = join(import.meta.dirname, '../../..')
const FOLDER = join(ROOT, 'test/aedes/moved')

interface Program {
  main(print: (line: string) => void): Promise<void>
}

async function printed(file: string): Promise<readonly string[]> {
  const { main } = (await import(pathToFileURL(file).href)) as Program
  const lines: string[] = []
  await main(line => lines.push(line))
  return lines
}

for (const name of ['users.mjs', 'retained.mjs', 'forward.mjs']) {
  test(`${name} prints the same with another import`, async t => {
    const source = readFileSync(join(FOLDER, name), 'utf8')
    const import_ = "import { Aedes } from 'aedes'"
    t.ok(source.includes(import_))
    const ours = pathToFileURL(join(ROOT, 'dist/src/aedes/aedes.js')).href
    // Beside the other one, so that both find the same packages.
    const moved = join(ROOT, 'dist/test/aedes', name)
    const before = join(ROOT, 'dist/test/aedes', `before-${name}`)
    copyFileSync(join(FOLDER, name), before)
    writeFileSync(moved, source.replace(import_, `import { Aedes } from '${ours}'`))

    const expected = await printed(before)

    t.ok(expected.length > 2, expected.join('\n'))
    t.strictSame(await printed(moved), expected)
  })
}
