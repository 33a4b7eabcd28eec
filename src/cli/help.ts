// The help of `pondhawk`, from the table of its commands.

import { type Command, COMMANDS, type Flag, GLOBAL_FLAGS } from './commands.ts'

const GROUPS: readonly (readonly [title: string, names: readonly string[]])[] = [
  ['Run a broker', ['start', 'init', 'import', 'check', 'doctor', 'service', 'drain', 'store']],
  ['Try it', ['sub', 'pub', 'dashboard']],
  [
    'See what happens',
    [
      'status',
      'top',
      'clients',
      'session',
      'retained',
      'groups',
      'queue',
      'delayed',
      'transactions',
      'bridges',
      'trace',
      'explain',
      'log-level',
    ],
  ],
  ['Say who may do what', ['user', 'passwd', 'key', 'kick']],
]

/** Returns one line for each command. */
export function helpText(version: string): string {
  const grouped = GROUPS.flatMap(([, names]) => names)
  const others = COMMANDS.map(({ name }) => name).filter(name => !grouped.includes(name))
  const groups = [...GROUPS, ['More', others] as const]
  const lines = groups.flatMap(([title, names]) => {
    const found = names.flatMap(name => COMMANDS.filter(each => each.name === name))
    return found.length === 0 ? [] : [title, ...found.map(lineOf), '']
  })
  return [
    `pondhawk ${version}: an MQTT broker`,
    '',
    '  pondhawk                          runs it, for this computer',
    '  pondhawk --lan                    runs it, for your network',
    "  pondhawk sub 'hello/#' -v         prints what comes",
    '  pondhawk pub hello/world hi       sends something',
    '',
    ...lines,
    'pondhawk COMMAND --help explains a command, with its flags and examples.',
    'Commands that print something take --json. Status: 0 done, 1 it could not be done, 2 wrong usage.',
    '',
  ].join('\n')
}

const NAME_WIDTH = 34

function lineOf({ name, argument = '', help }: Command): string {
  const usage = `${name} ${argument}`.trimEnd()
  const isLong = usage.length > NAME_WIDTH - 2
  return `  ${(isLong ? name : usage).padEnd(NAME_WIDTH - 2)}  ${help}`
}

/** Returns the arguments of one command, with examples. */
export function helpOf(command: Command): string {
  const flags = flagsOf(command)
  const lines = [
    `pondhawk ${command.name} ${command.argument ?? ''}`.trimEnd(),
    `    ${command.help}`,
    '',
    ...flagLines(flags),
    ...(command.more === undefined ? [] : ['', ...command.more]),
  ]
  return `${lines.join('\n')}\n`
}

/** With those that every command has. `-h` and `-V` mean something else for pub and sub. */
export function flagsOf({ name, flags }: Command): readonly Flag[] {
  if (name !== 'pub' && name !== 'sub') return [...flags, ...GLOBAL_FLAGS]
  return [...flags, { name: 'help', type: 'boolean', help: 'print this' }]
}

function flagLines(flags: readonly Flag[]): string[] {
  const names = flags.map(flagNames)
  const width = names.reduce((most, { length }) => Math.max(most, length), 0)
  return flags.map(({ help }, index) => `  ${(names[index] ?? '').padEnd(width)}  ${help}`)
}

/** `-p, --port PORT`. */
function flagNames({ name, short, value }: Flag): string {
  const start = short === undefined ? '    ' : `-${short}, `
  return `${start}--${name}${value === undefined ? '' : ` ${value}`}`
}
