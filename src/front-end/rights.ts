// A front end that was started by root gives up root's rights before it has read a byte of a client.

const NOBODY = 65_534

/** Becomes the user `nobody`, with no other group. */
export function giveUpRights(): void {
  if (process.getuid?.() !== 0) return
  process.setgroups?.([NOBODY])
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
}
