// The help, the reference page and what shells complete come from one table of commands.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { COMMANDS } from '../../src/cli/commands.ts'
import { completionCommand } from '../../src/cli/completion-command.ts'
import { helpOf, helpText } from '../../src/cli/help.ts'
import { commandsPage } from '../../src/cli/print-commands.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A folder with one file and one folder, and beside it the script for the shell. */
function scriptFor(t: Test, shell: string) {
  const folder = t.testdir({ here: { 'my.yaml': '', sub: {} } })
  const script = resolve(folder, `completion.${shell}`)
  writeFileSync(script, completionCommand({ values: {}, positionals: [shell] }))
  return { script, here: resolve(folder, 'here') }
}

function has(shell: string): string | false {
  return spawnSync(shell, ['--version']).error === undefined ? false : `there is no ${shell} here`
}

test('the reference page is what the table prints: npm run reference', async t => {
  t.equal(readFileSync(resolve(ROOT, 'docs/reference/commands.md'), 'utf8'), commandsPage())
})

test('every command is in the help once, and has help of its own that fits a terminal', async t => {
  const overview = helpText('1.0.0')
  for (const command of COMMANDS) {
    const lines = overview.split('\n').filter(line => line.startsWith(`  ${command.name} `))
    t.equal(lines.length, 1, command.name)
    t.match(helpOf(command), `pondhawk ${command.name}`)
  }
  const longest = Math.max(...overview.split('\n').map(line => line.length))
  t.ok(longest <= 132, `${longest} columns`)
})

test('bash completes commands, verbs, flags and files', { skip: has('bash') }, async t => {
  const { script, here } = scriptFor(t, 'bash')
  const completed = (...words: readonly string[]): readonly string[] => {
    const code = `source '${script}'; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pondhawk; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = spawnSync('bash', ['-c', code, 'bash', 'pondhawk', ...words], {
      cwd: here,
      encoding: 'utf8',
    })
    return stdout.split('\n').filter(word => word !== '')
  }

  t.strictSame(completed('sta'), ['start', 'status'])
  t.strictSame(completed('start', '--ws'), ['--ws-port'])
  t.strictSame(completed('start', '-c', 'm'), ['my.yaml'])
  t.strictSame(completed('start', '--data', ''), ['sub'])
  t.strictSame(completed('start', '--port', ''), [])
  t.strictSame(completed('--la'), ['--lan'])
  t.strictSame(completed('session', 'l'), ['list'])
  t.strictSame(completed('check', 'my'), ['my.yaml'])
  t.strictSame(completed('store', 're'), ['repair', 'restore'])
})

test('zsh reads its completion', { skip: has('zsh') }, async t => {
  const { script } = scriptFor(t, 'zsh')
  const code = `autoload -Uz compinit && compinit -u -D && source '${script}' && print -r -- $_comps[pondhawk]`

  const { stdout, stderr } = spawnSync('zsh', ['-fc', code], { encoding: 'utf8' })

  t.equal(stderr, '')
  t.equal(stdout, '_pondhawk\n')
})

test('fish completes commands and flags', { skip: has('fish') }, async t => {
  const { script } = scriptFor(t, 'fish')
  const completed = (line: string): string =>
    spawnSync('fish', ['--no-config', '-c', `source '${script}'; complete -C '${line}'`], {
      encoding: 'utf8',
    }).stdout

  t.match(completed('pondhawk sta'), /^start\t[^]*^status\t/m)
  t.match(completed('pondhawk start --ws'), /--ws-port\t/)
  t.match(completed('pondhawk session l'), /^list/m)
})
