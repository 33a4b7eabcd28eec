// Prints docs/reference/commands.md from the table of commands: `npm run reference`.

import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, COMMANDS, type Flag } from './commands.ts'
import { flagsOf } from './help.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

export function commandsPage(): string {
  return [
    '# Commands',
    '',
    '`pondhawk COMMAND --help` prints the same. Without a command, `pondhawk` is `pondhawk start`. Flags go before the environment, the',
    'environment before the file: [configuration](configuration.md). Commands that ask a running broker reach it by the socket `admin.sock` in the',
    'directory of its store, which only its owner and root may open, so they need no password.',
    '',
    'Status: 0 done, 1 it could not be done, 2 wrong usage, 78 a wrong configuration. What else there is stands at its command.',
    'This page is printed from the table of commands by `npm run reference`.',
    '',
    ...COMMANDS.flatMap(sectionOf),
  ].join('\n')
}

function sectionOf(command: Command): string[] {
  const { name, argument, help, more = [] } = command
  const usage = `pondhawk ${name}${argument === undefined ? '' : ` ${argument}`}`
  return [
    `## ${name}`,
    '',
    `\`${usage}\`: ${help}.`,
    '',
    '| flag | what it does |',
    '| --- | --- |',
    ...flagsOf(command).map(rowOf),
    '',
    ...(more.length === 0 ? [] : ['```text', ...more, '```', '']),
  ]
}

function rowOf({ name, short, value, help }: Flag): string {
  const long = `\`--${name}${value === undefined ? '' : ` ${value}`}\``
  const both = short === undefined ? long : `\`-${short}\`, ${long}`
  return `| ${both} | ${help.replaceAll('|', '\\|')} |`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, 'docs/reference/commands.md'), commandsPage())
}
