// `pondhawk init`: writes a configuration to begin with, and its schema for editors. It never overwrites.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exampleFile, schemaFile } from '../config/print-reference.ts'
import { UsageError, type Words } from './flags.ts'
import type { CommandOutput } from './user-command.ts'

const FILE = 'pondhawk.yaml'
const SCHEMA = 'pondhawk.schema.json'

/** Throws UsageError, or an error with a sentence. */
export function initCommand({ positionals: [folder = '.', more] }: Words): CommandOutput {
  if (more !== undefined)
    throw new UsageError('pondhawk init takes one FOLDER. Try pondhawk --help.')
  const file = join(folder, FILE)
  const schema = join(folder, SCHEMA)
  const modeline = `# yaml-language-server: $schema=./${SCHEMA}\n`
  try {
    mkdirSync(folder, { recursive: true })
    if (!isWritten(file, `${modeline}${exampleFile()}`)) {
      throw new Error(
        `${file} is there already, and stays as it is. What it amounts to: pondhawk check ${file}`,
      )
    }
    const isFresh = isWritten(schema, schemaFile()) || readFileSync(schema, 'utf8') === schemaFile()
    const kept = isFresh ? '' : `${schema} is of another version, and stays as it is.\n`
    return { output: '', note: `${kept}${sentences(file, folder)}` }
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new Error(`${path ?? folder} cannot be written (${code})`, { cause: error })
  }
}

/** Returns false when the file is there. */
function isWritten(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function sentences(file: string, folder: string): string {
  const start = folder === '.' ? 'pondhawk' : `pondhawk -c ${file}`
  return [
    `${file} has every key with its default, commented out; ${SCHEMA} tells editors what may stand there.`,
    '',
    `  pondhawk check ${file}`.padEnd(44) + '   what it amounts to, or what is wrong',
    `  ${start}`.padEnd(44) + '   the broker with it',
    '  pondhawk user add NAME'.padEnd(44) + '   the first user',
    '',
  ].join('\n')
}
