// Backups that a running broker makes of its own store, in a folder of it.

import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Backup, BackupKeeper } from '../api/parts.ts'
import { backUpInThread } from '../store/maintenance/backup.ts'
import { thrownSentence } from '../thrown.ts'

const FOLDER = 'backups'
const BACKUPS_MAX = 20
const OWNER_ONLY = 0o700

export class Backups implements BackupKeeper {
  readonly #store: string
  readonly #folder: string
  #isMaking = false

  /** `store` is the directory of the store. */
  constructor(store: string) {
    this.#store = store
    this.#folder = join(store, FOLDER)
  }

  get all(): readonly Backup[] {
    if (!existsSync(this.#folder)) return []
    return readdirSync(this.#folder)
      .filter(name => !name.endsWith('.part'))
      .map(name => this.#figuresOf(name))
  }

  async make(name: string): Promise<Backup | string> {
    if (this.#isMaking) return 'another backup is being made: wait for it'
    if (existsSync(join(this.#folder, name)))
      return 'there is a backup with this name: take another'
    if (this.all.length >= BACKUPS_MAX) return `there are ${BACKUPS_MAX} backups: delete one`
    this.#isMaking = true
    try {
      mkdirSync(this.#folder, { recursive: true, mode: OWNER_ONLY })
      const worker = backUpInThread(this.#store, join(this.#folder, name))
      // Both throw an error of the thread.
      const ended = once(worker, 'exit').then(() => {
        throw new Error('the backup was not finished')
      })
      await Promise.race([once(worker, 'message'), ended])
      return this.#figuresOf(name)
    } catch (error) {
      return thrownSentence(error)
    } finally {
      this.#isMaking = false
    }
  }

  remove(name: string): boolean {
    const path = join(this.#folder, name)
    if (!existsSync(path)) return false
    rmSync(path, { recursive: true })
    return true
  }

  #figuresOf(name: string): Backup {
    const path = join(this.#folder, name)
    const bytes = readdirSync(path).reduce((sum, each) => sum + statSync(join(path, each)).size, 0)
    return { name, bytes, madeAt: statSync(path).mtimeMs, path }
  }
}
