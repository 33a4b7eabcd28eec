// Changes a file: atomically, and one change at a time.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readAccessFile } from './access-file.ts'

const OWNER_ONLY = 0o600
const OTHER_EDIT_MS_MAX = 2_000
const TRIED_EVERY_MS = 20

/** The error when a file cannot be changed, with a sentence. */
export class EditError extends Error {}

type Edit = (text: string) => string | Buffer

/** Writes a file that only this process changes, readable by its owner only, and syncs it. Throws the error of the system. */
export function replaceFile(file: string, content: string | Buffer): void {
  const temporary = `${file}.new`
  writeFileSync(temporary, content, { mode: OWNER_ONLY, flush: true })
  // The rename makes the complete file appear at once.
  renameSync(temporary, file)
  syncFolder(dirname(file))
}

/**
 * Reads and writes while it holds the lock of the file, so that no other change is lost. The file is readable by its owner only, or has
 * this mode. Throws EditError.
 */
export async function editFile(file: string, edit: Edit, mode: number = OWNER_ONLY): Promise<void> {
  const target = existsSync(file) ? realpathSync(file) : resolve(file)
  const temporary = join(dirname(target), `.${basename(target)}.new`)
  const handle = await opened(temporary)
  try {
    const text = edit(existsSync(target) ? readAccessFile(target).toString() : '')
    await handle.writeFile(text)
    await keepOwner(handle, target, mode)
    await handle.sync()
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw worded(error, target)
  } finally {
    await handle.close()
  }
  syncFolder(dirname(target))
}

/** Returns the text so that a line can be added. */
export function endedLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

/** Creates the new file, which is also the lock. */
async function opened(temporary: string): Promise<FileHandle> {
  for (let waited = 0; ; waited += TRIED_EVERY_MS) {
    try {
      return await open(temporary, 'wx', OWNER_ONLY)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw worded(error, temporary)
      if (waited >= OTHER_EDIT_MS_MAX) {
        throw new EditError(
          `${temporary} is there: another change goes on, or one was interrupted. If none goes on, remove it`,
        )
      }
      await sleep(TRIED_EVERY_MS)
    }
  }
}

/** Keeps owner and group, so that a broker of another user can still read the file. */
async function keepOwner(handle: FileHandle, target: string, mode: number): Promise<void> {
  await handle.chmod(mode)
  const before = statSync(target, { throwIfNoEntry: false })
  if (before === undefined) return
  if (before.uid !== process.getuid?.() || before.gid !== process.getgid?.()) {
    await handle.chown(before.uid, before.gid)
  }
}

/** Syncs the name of the new file, if the folder can be opened. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function worded(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof EditError || code === undefined || code === 'ERR_ACCESS_FILE') return error
  return new EditError(`${path} cannot be written (${code})`)
}
