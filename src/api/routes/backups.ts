// Backups of the store, made while the broker runs.

import {
  backupQuery,
  backupRequest,
  backupRow,
  type BackupRow,
  backupsAnswer,
} from '../contract/administration.ts'
import { deletedAnswer } from '../contract/clients.ts'
import type { ApiParts, Backup, BackupKeeper } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'
import { isoOf } from '../times.ts'

export function backupRoutes({ backups }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/backups',
      roles: READERS,
      summary: 'The backups in the data folder',
      answer: backupsAnswer,
      handle: () => ({ items: keeperIn(backups).all.map(rowOf) }),
    }),
    route({
      method: 'POST',
      path: '/backups',
      roles: OPERATORS,
      summary:
        'Copies the store while the broker runs, and verifies the copy. Copy it to another disk',
      body: backupRequest,
      answer: backupRow,
      status: 201,
      async handle({ body: { name } }) {
        const made = await keeperIn(backups).make(name)
        if (typeof made === 'string') throw new Problem(409, made)
        return rowOf(made)
      },
    }),
    route({
      method: 'DELETE',
      path: '/backups',
      roles: OPERATORS,
      summary: 'Deletes a backup',
      query: backupQuery,
      answer: deletedAnswer,
      handle: ({ query }) => ({ deleted: keeperIn(backups).remove(query.name) ? 1 : 0 }),
    }),
  ]
}

/** Throws Problem if nothing is stored. */
function keeperIn(backups: ApiParts['backups']): BackupKeeper {
  const keeper = backups()
  if (keeper !== null) return keeper
  throw new Problem(409, 'this broker keeps everything in memory: there is no store to back up')
}

function rowOf({ name, bytes, madeAt, path }: Backup): BackupRow {
  return { name, bytes, path, at: isoOf(madeAt) }
}
