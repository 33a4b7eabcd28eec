// `pondhawk completion`: what a shell needs to complete commands, flags and files, from the table of commands.

import { type Command, COMMANDS, type Flag } from './commands.ts'
import { UsageError, type Words } from './flags.ts'
import { flagsOf } from './help.ts'

const SHELLS = { bash, zsh, fish } as const

/** Throws UsageError. */
export function completionCommand({ positionals: [shell, more] }: Words): string {
  const found = Object.entries(SHELLS).find(([name]) => name === shell)
  if (found !== undefined && more === undefined) return found[1]()
  throw new UsageError(
    'pondhawk completion takes one of bash, zsh, fish. Try pondhawk completion --help.',
  )
}

/** Returns the words that may follow a command: `list | end CLIENT_ID` has `list` and `end`. */
function verbsOf({ argument = '' }: Command): readonly string[] {
  return argument
    .replaceAll(/[[\]]/g, ' ')
    .split('|')
    .map(each => each.trim().split(/[ [\]]/)[0] ?? '')
    .filter(word => /^[a-z]+$/.test(word))
}

type Completed = 'file' | 'directory' | 'nothing'

function completedBy({ value }: Flag): Completed {
  if (value === 'FILE' || value === 'PATH') return 'file'
  return value === 'DIR' ? 'directory' : 'nothing'
}

function spellings({ name, short }: Flag): readonly string[] {
  return short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`]
}

function takesFile({ argument = '' }: Command): boolean {
  return /\b(?:FILE|DIR|FOLDER)\b/.test(argument)
}

function bash(): string {
  const cases = COMMANDS.map(command => {
    const flags = flagsOf(command)
    const by = (wanted: Completed): string =>
      flags
        .filter(flag => flag.type === 'string' && completedBy(flag) === wanted)
        .flatMap(spellings)
        .join('|')
    const words = [...verbsOf(command), ...flags.flatMap(spellings)].join(' ')
    const branches = [
      [by('file'), 'COMPREPLY=($(compgen -f -- "$current")); return'],
      [by('directory'), 'COMPREPLY=($(compgen -d -- "$current")); return'],
      [by('nothing'), 'return'],
    ].filter(([names]) => names !== '')
    const values = branches.map(([names, action]) => `        ${names}) ${action} ;;`)
    const files = takesFile(command) ? ' $(compgen -f -- "$current")' : ''
    return [
      `    ${command.name})`,
      '      case "$previous" in',
      ...values,
      '      esac',
      `      COMPREPLY=($(compgen -W "${words}" -- "$current")${files})`,
      '      ;;',
    ].join('\n')
  })
  const names = COMMANDS.map(({ name }) => name).join(' ')
  return `# pondhawk completion for bash: source <(pondhawk completion bash)
_pondhawk() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ] && [ "\${current:0:1}" != - ]; then
    COMPREPLY=($(compgen -W "${names}" -- "$current"))
    return
  fi
  local command="\${COMP_WORDS[1]}"
  if [ "\${command:0:1}" = - ]; then command=start; fi
  case "$command" in
${cases.join('\n')}
  esac
}
complete -o filenames -F _pondhawk pondhawk
`
}

function zsh(): string {
  const actions = { file: ':_files', directory: ':_files -/', nothing: ': ' } as const
  const flagSpec = (flag: Flag): string => {
    const help = `[${flag.help.replaceAll(/[[\]:]/g, '\\$&')}]`
    const value = flag.type === 'string' ? `:${flag.value}${actions[completedBy(flag)]}` : ''
    return spellings(flag)
      .map(each => `      ${quoted(`*${each}${help}${value}`)}`)
      .join(' \\\n')
  }
  const cases = COMMANDS.map(command => {
    const verbs = verbsOf(command)
    const words =
      verbs.length > 0
        ? `:verb:(${verbs.join(' ')})`
        : takesFile(command)
          ? ':file:_files'
          : ':argument: '
    const specs = flagsOf(command).map(flagSpec)
    return [
      `    ${command.name}) _arguments \\`,
      [...specs, `      ${quoted(words)}`, `      ${quoted('*:file:_files')}`].join(' \\\n'),
      '    ;;',
    ].join('\n')
  })
  const names = COMMANDS.map(({ name, help }) => `    ${quoted(`${name}:${help}`)}`)
  return `#compdef pondhawk
# pondhawk completion for zsh: source <(pondhawk completion zsh)
_pondhawk() {
  local -a commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join('\n')}
  esac
}
compdef _pondhawk pondhawk
`
}

function fish(): string {
  const lines = COMMANDS.flatMap(command => {
    const after = `__fish_seen_subcommand_from ${command.name}`
    return [
      `complete -c pondhawk -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(plain(command.help))}`,
      ...verbsOf(command).map(verb => `complete -c pondhawk -n ${quoted(after)} -f -a ${verb}`),
      ...flagsOf(command).map(flag => {
        const short = flag.short === undefined ? '' : ` -s ${flag.short}`
        const value = {
          file: ' -r -F',
          directory: ' -x -a "(__fish_complete_directories)"',
          nothing: ' -x',
        }
        const taken = flag.type === 'string' ? value[completedBy(flag)] : ' -f'
        return `complete -c pondhawk -n ${quoted(after)} -l ${flag.name}${short}${taken} -d ${quoted(plain(flag.help))}`
      }),
    ]
  })
  return `# pondhawk completion for fish: pondhawk completion fish | source\n${lines.join('\n')}\n`
}

/** In single quotes, in which zsh knows nothing but the quote itself, and fish a backslash as well. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`
}

function plain(text: string): string {
  return text.replaceAll('\\', '')
}
