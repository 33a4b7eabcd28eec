// Every block of code in the documentation is run or checked, and every link leads somewhere. Shell commands are run by the tests
// that follow a page (`docs.test.ts`, `tutorial.test.ts`); here each one that is not has its reason.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'
import { parse } from 'yaml'
import { COMMANDS } from '../../src/cli/commands.ts'
import { flagsOf } from '../../src/cli/help.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { FOLLOWED } from './followed.ts'
import { anchorsOf, type Block, blocksOf, commandsIn, NPM, pages, ROOT, textOf } from './pages.ts'

/** Why a shell block is not run, and how many of them there are. */
const NOT_RUN: Readonly<Record<string, { readonly why: string; readonly blocks: number }>> = {
  docker: { why: 'there is no engine of containers here', blocks: 1 },
  internet: { why: 'needs a name or a service on the internet', blocks: 3 },
  machine: { why: 'changes the users, services or network of the machine', blocks: 6 },
  version: { why: 'needs the version that another answer has', blocks: 1 },
}

interface Found extends Block {
  readonly page: string
}

function all(language: string): readonly Found[] {
  return pages().flatMap(page =>
    blocksOf(page)
      .filter(block => block.language === language)
      .map(block => ({ ...block, page })),
  )
}

test('every example in TypeScript runs, prints nothing, and what it asserts is so', async t => {
  const entry = (name: string) => pathToFileURL(resolve(ROOT, 'dist/src', name)).href
  const folder = t.testdir()
  const examples = all('ts').map(({ page, line, code }, index) => {
    const script = code
      .replaceAll("'pondhawk'", JSON.stringify(entry('index.js')))
      .replaceAll("'pondhawk/aedes'", JSON.stringify(entry('aedes/aedes.js')))
      .replaceAll(/port: \d+/g, 'port: 0')
    const ending = code.includes('broker.close()') ? '' : '\nawait broker.close()\n'
    const file = join(folder, `${index}.mjs`)
    writeFileSync(file, script + ending)
    return { name: `${page}:${line}`, file }
  })
  // One process for all: each alone takes a second, for the modules that it reads.
  const runner = join(folder, 'runner.mjs')
  writeFileSync(
    runner,
    `console.assert = (holds, ...said) => { if (!holds) throw new Error(said.join(' ') || 'an assertion does not hold') }
    for (const { name, file } of ${JSON.stringify(examples)}) {
      try { await import(file) } catch (error) { console.log(name, error) }
    }`,
  )

  t.ok(examples.length > 15)
  t.equal(execFileSync(process.execPath, [runner], { encoding: 'utf8', timeout: 60_000 }), '')
})

/** Configurations of other programs are checked as far as can be done here. */
const CHECKS: Readonly<Record<string, (block: Found, folder: string) => void>> = {
  pondhawk: ({ code }) => void parseConfig(parse(code)),
  prometheus: ({ code }, folder) => {
    const file = join(folder, 'prometheus.yml')
    writeFileSync(file, code)
    execFileSync('promtool', ['check', 'config', file], { stdio: 'pipe' })
  },
  compose: ({ code }) => void parse(code),
  // Tried by `reference.test.ts`.
  zigbee2mqtt: ({ code }) => void parse(code),
  esphome: ({ code }) => void parse(code),
}

test('every configuration is valid', async t => {
  const folder = t.testdir()
  for (const block of all('yaml')) {
    const check = CHECKS[block.marks.get('of') ?? 'pondhawk']
    t.ok(check, `${block.page}:${block.line} is of a known program`)
    t.doesNotThrow(() => check?.(block, folder), `${block.page}:${block.line}`)
  }
})

test('every JSON block is JSON', async t => {
  for (const { code, page, line } of all('json'))
    t.doesNotThrow(() => JSON.parse(code) as unknown, `${page}:${line}`)
})

test('every shell block is run, or says why not', async t => {
  const counts = new Map<string, number>()
  for (const block of all('sh')) {
    const reason = block.marks.get('not run')
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1)
    const isRun = FOLLOWED.includes(block.page) || commandsIn(block).every(line => NPM.test(line))
    t.ok(isRun || reason !== undefined, `${block.page}:${block.line}: test/docs/followed.ts`)
  }
  const expected = Object.entries(NOT_RUN).map(([reason, { blocks }]) => [reason, blocks] as const)
  t.strictSame(new Map([...counts].sort()), new Map([...expected].sort()))
})

test('no shell command hides in a block of another language', async t => {
  const pattern = /^(?:\$ )?(?:pondhawk|npx|npm|mosquitto_\w+|curl|docker|systemctl|openssl) /m
  for (const block of [...all(''), ...all('text')]) {
    if (block.page === 'docs/reference/commands.md') continue
    t.notMatch(block.code, pattern, `${block.page}:${block.line}`)
  }
})

test('every shell block can be read by sh, and every flag of pondhawk in it exists', async t => {
  const folder = t.testdir()
  const blocks = all('sh')
  for (const [index, { code }] of blocks.entries()) writeFileSync(join(folder, `${index}.sh`), code)
  const loop = 'for file in *.sh; do sh -n $file || echo $file; done'
  t.equal(execFileSync('sh', ['-c', loop], { cwd: folder, encoding: 'utf8' }), '')
  for (const block of blocks) {
    for (const line of commandsIn(block)) {
      const [, name = '', rest = ''] = /^(?:npx )?pondhawk ([\w-]+)(.*)$/.exec(line) ?? []
      if (name === '') continue
      const command = COMMANDS.find(each => each.name === name)
      t.ok(command, `${block.page}:${block.line}: ${line}`)
      if (command === undefined || name === 'pub' || name === 'sub') continue
      const known = flagsOf(command).flatMap(({ name: long, short }) => [`--${long}`, `-${short}`])
      for (const [, flag = ''] of rest.replace(/ #.*$/, '').matchAll(/ (--?[a-zA-Z-]+)/g))
        t.ok(known.includes(flag), `${block.page}:${block.line}: ${name} ${flag}`)
    }
  }
})

test('a program on a page is the one in the repository', async t => {
  const programs = pages().flatMap(page => blocksOf(page).filter(({ marks }) => marks.has('in')))
  t.ok(programs.length > 0)
  for (const { code, marks } of programs) {
    const name = `${marks.get('in')}/${marks.get('file')}`
    t.equal(code, readFileSync(resolve(ROOT, name), 'utf8'), name)
  }
})

test('every script that a page names is there', async t => {
  const { scripts } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
    scripts: object
  }
  for (const page of pages())
    for (const [, script = ''] of textOf(page).matchAll(/npm run ([\w:-]+)/g))
      t.ok(script in scripts, `${page}: ${script}`)
})

test('every link leads somewhere, also to its place on the page', async t => {
  const anchors = new Map<string, ReadonlySet<string>>()
  for (const page of pages()) {
    for (const [, target = '', anchor = ''] of textOf(page).matchAll(
      /\]\(([^)#\s]*)(?:#([^)\s]*))?\)/g,
    )) {
      if (/^[a-z]+:/.test(target)) continue
      const path = target === '' ? page : join(dirname(page), target)
      t.ok(existsSync(resolve(ROOT, path)), `${page}: ${target}`)
      if (anchor === '' || !path.endsWith('.md')) continue
      const known = anchors.get(path) ?? anchorsOf(path)
      anchors.set(path, known)
      t.ok(known.has(anchor), `${page}: ${target}#${anchor}`)
    }
  }
})

for (const page of ['ARCHITECTURE.md', 'docs/reference/glossary.md']) {
  test(`every file that ${page} names is there`, async t => {
    const names = new Set(
      [...textOf(page).matchAll(/(?<![\w/.-])(?:\.\.\/)?[\w-]+\/[\w/-]+\.(?:test\.)?ts\b/g)].map(
        ([name]) => name,
      ),
    )
    t.ok(names.size > 20)
    for (const name of names) {
      const places = ['src', '.'].map(folder => resolve(ROOT, folder, name))
      t.ok(places.some(existsSync), name)
    }
  })
}
