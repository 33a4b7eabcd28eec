// `pondhawk import FILE`: what mosquitto has becomes ours. Its configuration becomes YAML.

import { writeFileSync } from 'node:fs'
import { mapConfFile, yamlOf } from '../mosquitto/conf-config.ts'
import type { Words } from './flags.ts'
import type { CommandOutput } from './user-command.ts'
import { usageOf } from './usage-error.ts'

const usage = usageOf('import')

/** Throws UsageError, ConfError, or an error with a sentence. */
export function importCommand({ values, positionals }: Words): CommandOutput {
  const [file, more] = positionals
  if (file === undefined || more !== undefined) throw usage('pondhawk import takes one FILE.')
  return importConf(file, values['output'])
}

function importConf(file: string, output: Words['values'][string]): CommandOutput {
  const conf = mapConfFile(file)
  const yaml = yamlOf(conf, file)
  const notes = conf.notes.map(note => `${note}\n`).join('')
  if (typeof output !== 'string') return { output: yaml, note: notes }
  try {
    writeFileSync(output, yaml, { flag: 'wx' })
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    const isThere = code === 'EEXIST'
    throw new Error(
      isThere ? `${output} is there already` : `${output} cannot be written (${code})`,
    )
  }
  return { output: '', note: `${notes}${output} is written: pondhawk start -c ${output}\n` }
}
