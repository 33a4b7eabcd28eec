// The commands and flags of `pondhawk`, as data: parsing, help and suggestions come from here.

export interface Flag {
  readonly name: string
  readonly short?: string
  readonly type: 'string' | 'boolean'
  readonly value?: string
  readonly help: string
}

export interface Command {
  readonly name: string
  readonly argument?: string
  readonly help: string
  readonly flags: readonly Flag[]
}

const CONFIG: Flag = {
  name: 'config',
  short: 'c',
  type: 'string',
  value: 'FILE',
  help: 'configuration in YAML or JSON (default: ./pondhawk.yaml, if it is there)',
}

const DATA: Flag = {
  name: 'data',
  type: 'string',
  value: 'DIR',
  help: 'directory of the store (default: ./pondhawk-data)',
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'start',
    help: 'run the broker (this is what happens without a command)',
    flags: [
      CONFIG,
      {
        name: 'port',
        short: 'p',
        type: 'string',
        value: 'PORT',
        help: 'port of the first MQTT listener',
      },
      {
        name: 'ws-port',
        type: 'string',
        value: 'PORT',
        help: 'port of the first WebSocket listener, and of the web page',
      },
      { name: 'host', type: 'string', value: 'HOST', help: 'address of all listeners' },
      DATA,
      { name: 'verbose', short: 'v', type: 'boolean', help: 'print debug lines' },
    ],
  },
  {
    name: 'check',
    argument: '[FILE]',
    help: 'validate a configuration and print what it amounts to',
    flags: [CONFIG],
  },
  {
    name: 'store',
    argument: 'verify | stats | repair | backup DIR | restore DIR',
    help: 'read a store through, count, mend, copy while the broker runs, or copy back',
    flags: [CONFIG, DATA],
  },
]

export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: 'help', short: 'h', type: 'boolean', help: 'print this' },
  { name: 'version', type: 'boolean', help: 'print the version' },
]

export function helpText(version: string): string {
  const lines = [`pondhawk ${version}: an MQTT broker`, '']
  for (const command of COMMANDS) {
    lines.push(
      `pondhawk ${command.name} ${command.argument ?? ''}`.trimEnd(),
      `    ${command.help}`,
    )
    for (const flag of command.flags) lines.push(flagLine(flag))
  }
  return `${[...lines, '', ...GLOBAL_FLAGS.map(flagLine)].join('\n')}\n`
}

function flagLine(flag: Flag): string {
  const short = flag.short === undefined ? '   ' : `-${flag.short},`
  const value = flag.value === undefined ? '' : ` ${flag.value}`
  return `      ${short} ${`--${flag.name}${value}`.padEnd(18)} ${flag.help}`
}
