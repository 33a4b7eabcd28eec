// `pondhawk store …`: verify, repair and copy a store.

import { existsSync } from 'node:fs'
import { FileDisk } from '../store/file-disk.ts'
import { backUp, restoreBackup } from '../store/maintenance/backup.ts'
import { repair } from '../store/maintenance/repair.ts'
import { figuresOf, type StoreFigures, verify } from '../store/maintenance/verify.ts'
import type { Disk } from '../store/disk.ts'
import type { Words } from './flags.ts'

const STORE_VERBS = ['verify', 'stats', 'repair', 'backup', 'restore'] as const

/** Returns the output. Throws an error with a sentence. */
export function storeCommand(
  { values, positionals: [verb, path, more] }: Words,
  directory: string,
): string {
  if (more !== undefined) throw new Error(`pondhawk store ${verb} takes fewer arguments`)
  const told = values['json'] === true ? jsonOf : linesOf
  switch (verb) {
    case 'verify': {
      const figures = withDisk(directory, path, verify)
      return `${values['json'] === true ? '' : 'the store is whole\n'}${told(figures)}`
    }
    case 'stats':
      return told(withDisk(directory, path, figuresOf))
    case 'repair': {
      const repaired = withDisk(directory, path, repair)
      return values['json'] === true ? jsonOf({ repaired }) : wordsOf(repaired)
    }
    case 'backup':
      return told(backUp(directory, needed(path, 'backup')))
    case 'restore':
      return told(restoreBackup(needed(path, 'restore'), directory))
    default:
      throw new Error(`pondhawk store takes one of ${STORE_VERBS.join(', ')}`)
  }
}

function withDisk<T>(directory: string, path: string | undefined, act: (disk: Disk) => T): T {
  if (path !== undefined) throw new Error('the directory of the store is given by --data DIR')
  if (!existsSync(directory)) throw new Error(`there is no store in ${directory}`)
  const disk = new FileDisk(directory)
  try {
    return act(disk)
  } finally {
    disk.close()
  }
}

function needed(path: string | undefined, verb: string): string {
  if (path === undefined) throw new Error(`pondhawk store ${verb} needs a directory`)
  return path
}

function jsonOf(answer: object): string {
  return `${JSON.stringify(answer)}\n`
}

function wordsOf(done: readonly string[]): string {
  return done.length === 0 ? 'there was nothing to repair\n' : `${done.join('\n')}\n`
}

function linesOf(figures: StoreFigures): string {
  const { cut, ...numbers } = figures
  const lines = Object.entries(numbers).map(
    ([name, value]) => `${name.padEnd(14)} ${value.toLocaleString('en')}`,
  )
  if (cut !== null)
    lines.push(`the log ends in ${cut.file} at byte ${cut.offset}, but not as it is left`)
  return `${lines.join('\n')}\n`
}
