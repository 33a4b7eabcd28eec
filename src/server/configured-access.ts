// Who may come in and do what, as the configuration says.

import { readAccess } from '../access/access-settings.ts'
import type { Access } from '../access/access.ts'
import { openAccess } from '../access/open-access.ts'
import { UsersAccess } from '../access/users-access.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'

/** Throws AccessFileError. `users` is null where everybody may come and do everything. */
export function configuredAccess(
  { access: settings }: Config,
  log: Log,
): { readonly access: Access; readonly users: UsersAccess | null } {
  const files = readAccess(settings)
  for (const { place, sentence } of files.warnings) {
    log.warn({ event: 'access.doubtful', place }, `${place}: ${sentence}`)
  }
  const { anonymous = 'loopback' } = settings
  if (files.users === null && files.rules === null && anonymous !== 'never') {
    return { access: openAccess, users: null }
  }
  const users = new UsersAccess(files, anonymous)
  return { access: users, users }
}
