// `pondhawk service install`: writes the unit of systemd that the package has, with the paths of this machine. What would be written is checked
// by systemd-analyze first. Without root it is only printed.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import type { Words } from './flags.ts'
import { usageOf } from './usage-error.ts'
import type { CommandOutput } from './user-command.ts'

const usage = usageOf('service')

const UNIT = new URL('../../../config/pondhawk.service', import.meta.url)
const UNIT_FILE = '/etc/systemd/system/pondhawk.service'
const CONFIG_FILE = '/etc/pondhawk/pondhawk.yaml'

/** Throws UsageError, or an error with a sentence. */
export function serviceCommand({ values, positionals: [verb, more] }: Words): CommandOutput {
  if (verb !== 'install' || more !== undefined) throw usage('pondhawk service takes install.')
  const file = typeof values['unit'] === 'string' ? resolve(values['unit']) : UNIT_FILE
  const config = typeof values['config'] === 'string' ? resolve(values['config']) : CONFIG_FILE
  // Under a package manager the command is a link, which may lie in a home folder.
  const program = [process.execPath, realpathSync(process.argv[1] ?? '')]
  const unit = unitFor(program, config)
  checkUnit(unit, basename(file), program)
  const isDry = values['dry-run'] === true || process.getuid?.() !== 0
  if (!isDry) writeUnit(file, unit, values['replace'] === true)
  const output =
    values['json'] === true
      ? `${JSON.stringify({ file, isWritten: !isDry, unit })}\n`
      : isDry
        ? unit
        : ''
  return { output, note: `${sentencesOf(file, config, isDry).join('\n')}\n` }
}

function unitFor(program: readonly string[], config: string): string {
  const words = program.map(quoted).join(' ')
  return readFileSync(UNIT, 'utf8')
    .replace(/^# .*\n\n/, '# Written by pondhawk service install.\n\n')
    .replaceAll('/usr/local/bin/pondhawk', () => words)
    .replaceAll(CONFIG_FILE, () => quoted(config))
}

/** As systemd reads a word of a command. */
function quoted(word: string): string {
  const literal = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  if (/^[\w/.@+%$-]+$/.test(literal)) return literal
  return `"${literal.replaceAll(/["\\]/g, '\\$&')}"`
}

/** Throws an error with the sentences of systemd-analyze. */
function checkUnit(unit: string, name: string, program: readonly string[]): void {
  for (const path of program) {
    if (!/^\/(?:home|root|run\/user)\//.test(path)) continue
    throw new Error(
      `a service cannot see ${path} (ProtectHome=yes): install Node and pondhawk outside of home folders`,
    )
  }
  const folder = mkdtempSync(join(tmpdir(), 'pondhawk-'))
  try {
    const file = join(folder, name)
    writeFileSync(file, unit)
    const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', file], {
      encoding: 'utf8',
    })
    if (error !== undefined) {
      throw new Error('there is no systemd here: systemd-analyze cannot be run', { cause: error })
    }
    if (status !== 0) throw new Error(`systemd-analyze verify refuses the unit:\n${stderr.trim()}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function writeUnit(file: string, unit: string, replaces: boolean): void {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : unit
  if (before !== unit && !replaces) {
    throw new Error(`${file} is there already and differs. To overwrite it: --replace`)
  }
  writeFileSync(file, unit, { mode: 0o644 })
}

function sentencesOf(file: string, config: string, isDry: boolean): readonly string[] {
  const first = isDry
    ? `${file} would be this. Nothing was written: only root installs it, without --dry-run.`
    : `${file} is written. What is left to do:`
  return [
    first,
    '  useradd --system --home-dir /var/lib/pondhawk --shell /usr/sbin/nologin pondhawk',
    ...(existsSync(config) ? [] : [`  pondhawk init ${resolve(config, '..')}`]),
    '  systemctl daemon-reload',
    '  systemctl enable --now pondhawk',
  ]
}
