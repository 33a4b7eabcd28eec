// Makes a store from a database of mosquitto: beside its place first, so that there is a whole one or none.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { FileDisk } from '../store/file-disk.ts'
import { LogStore } from '../store/log/log-store.ts'
import { syncDirectory } from '../store/store-directory.ts'
import { type Database, DatabaseError } from './database.ts'
import { isDatabaseFile, readDatabaseFile } from './database-file.ts'
import { isSqliteFile, readSqliteFile } from './database-sqlite.ts'
import { type Commit, type ImportCounts, importDatabase } from './database-import.ts'

export interface Imported {
  readonly counts: ImportCounts
  readonly notes: readonly string[]
}

/** Whether the beginning of the file is that of a database. */
export function isDatabase(bytes: Buffer): boolean {
  return isDatabaseFile(bytes) || isSqliteFile(bytes)
}

/** Counts what an import would do, and changes nothing. Throws DatabaseError. */
export function countImport(file: string, now: number): Imported {
  const database = databaseIn(file)
  return {
    counts: importDatabase(database, now, () => {}),
    notes: [database.lacks, ...database.doubts],
  }
}

/** Throws DatabaseError, or an error with a sentence when there is a store already. */
export function importInto(directory: string, file: string, now: number): Imported {
  if (!isFree(directory)) {
    throw new Error(
      `${directory} is not empty: an import makes a new store. Give an empty folder: --data DIR`,
    )
  }
  const database = databaseIn(file)
  const draft = `${resolve(directory)}.import`
  rmSync(draft, { recursive: true, force: true })
  const counts = writeStore(draft, commit => importDatabase(database, now, commit))
  rmSync(directory, { recursive: true, force: true })
  renameSync(draft, directory)
  // The new name of the folder must survive a loss of power.
  syncDirectory(dirname(resolve(directory)))
  return { counts, notes: [database.lacks, ...database.doubts] }
}

/** Whether there is nothing in the folder, or no folder. */
export function isFree(directory: string): boolean {
  return !existsSync(directory) || readdirSync(directory).length === 0
}

function databaseIn(file: string): Database {
  try {
    const bytes = readFileSync(file)
    return isSqliteFile(bytes) ? readSqliteFile(file) : readDatabaseFile(bytes)
  } catch (error) {
    if (error instanceof DatabaseError) throw new DatabaseError(`${file}: ${error.message}`)
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new DatabaseError(`${file} cannot be read (${code})`)
  }
}

function writeStore(directory: string, write: (commit: Commit) => ImportCounts): ImportCounts {
  const disk = new FileDisk(directory)
  try {
    const store = new LogStore(disk)
    store.open()
    const counts = write(changes => {
      store.commit(changes)
      while (store.work());
    })
    store.close()
    return counts
  } finally {
    disk.close()
  }
}
