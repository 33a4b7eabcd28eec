// Checks what programs give to commands.

const REASON_LENGTH_MAX = 1_000
const LONE_SURROGATE = /\p{Surrogate}/u

/** Returns a text for a Reason String and a line of the log. Throws when it cannot be one. */
export function checkedReason(
  reason: unknown = 'an administrator has ended the connection',
): string {
  const isText = typeof reason === 'string' && reason.length <= REASON_LENGTH_MAX
  if (isText && !LONE_SURROGATE.test(reason) && !reason.includes('\0')) return reason
  throw new TypeError(`the reason must be text of at most ${REASON_LENGTH_MAX} characters`)
}
