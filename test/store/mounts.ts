// Mounts small file systems in memory, which only root can do.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

/** For tests that mount: why they are skipped, or false. */
export const skip = canMount() ? false : 'only root can make a file system'

/** The folder where a file system with these options of tmpfs is mounted, until the test ends. */
export function mounted(t: Test, options: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  t.teardown(() => {
    execFileSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true })
  })
  return directory
}
