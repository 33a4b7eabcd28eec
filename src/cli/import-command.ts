// `pondhawk import FILE`: what mosquitto has becomes ours: its configuration YAML, its database a store.

import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import type { Config } from '../config/config-types.ts'
import { mapConfFile, yamlOf } from '../mosquitto/conf-config.ts'
import type { ImportCounts } from '../mosquitto/database-import.ts'
import { countImport, type Imported, importInto, isDatabase } from '../mosquitto/imported-store.ts'
import { fileStoreDirectory } from './file-store-directory.ts'
import type { Words } from './flags.ts'
import type { CommandOutput } from './user-command.ts'
import { usageOf } from './usage-error.ts'

const usage = usageOf('import')

/** Throws UsageError, ConfError, or an error with a sentence. */
export function importCommand({ values, positionals }: Words, load: () => Config): CommandOutput {
  const [file, more] = positionals
  if (file === undefined || more !== undefined) throw usage('pondhawk import takes one FILE.')
  const isOfDatabase = isDatabase(beginningOf(file)) || file.endsWith('.db')
  const wrong = (isOfDatabase ? ['output'] : ['data', 'dry-run', 'json']).find(
    name => values[name] !== undefined,
  )
  if (wrong !== undefined) {
    throw usage(`--${wrong} is not for a ${isOfDatabase ? 'database' : 'configuration'}.`)
  }
  if (!isOfDatabase) return importConf(file, values['output'])
  const now = Date.now()
  if (values['dry-run'] === true) return toldOf(countImport(file, now), values, DRY)
  const directory = fileStoreDirectory(load())
  return toldOf(importInto(directory, file, now), values, `the store is in ${directory}\n`)
}

const DRY = 'nothing was written\n'
const MAGIC_BYTES = 32

/** Returns the first bytes; none of a file that cannot be read. */
function beginningOf(file: string): Buffer {
  const bytes = Buffer.alloc(MAGIC_BYTES)
  try {
    const descriptor = openSync(file, 'r')
    readSync(descriptor, bytes, 0, MAGIC_BYTES, 0)
    closeSync(descriptor)
  } catch {
    return Buffer.alloc(0)
  }
  return bytes
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

function toldOf({ counts, notes }: Imported, values: Words['values'], end: string): CommandOutput {
  const note = [...notes.map(each => `${each}\n`), end].join('')
  if (values['json'] === true) return { output: `${JSON.stringify(counts)}\n`, note }
  const lines = countLines(counts)
  return { output: `${lines.join('\n')}\n`, note }
}

const WORDS: Readonly<Record<keyof ImportCounts, string>> = {
  sessions: 'sessions',
  subscriptions: 'subscriptions',
  retainedMessages: 'retained messages',
  queuedMessages: 'queued messages',
  inFlightToClients: 'messages in flight to clients',
  inFlightFromClients: 'messages of QoS 2 in flight from clients',
  expiredMessages: 'messages left out: they have expired',
  expiredSessions: 'sessions left out: they have expired',
  endedSessions: 'sessions left out: they end with their connection, or belong to bridges',
  messagesOfEndedSessions: 'messages left out: they were for these sessions',
  dearSubscriptions:
    'subscriptions left out: they make each search for a topic dear (limits.filterShapesMax, shareGroupsPerTopicMax, topicLevelsMax)',
  missingMessages: 'messages left out: the file has only their numbers',
}

/** What was left out is said only if there is any. */
export function countLines(counts: ImportCounts): readonly string[] {
  return Object.entries(WORDS).flatMap(([name, words]) => {
    const count = counts[name as keyof ImportCounts]
    if (count === 0 && words.includes('left out')) return []
    return [`${count.toLocaleString('en').padStart(10)}  ${words}`]
  })
}
