// User names that certificates and tokens bear.

const NAME_BYTES_MAX = 256

/** Characters that no name has: those that control a terminal or end a C string, and what was no UTF-8. */
const WRONG_CHARACTERS = /[\p{Cc}\p{Cs}\uFFFD]/u

/**
 * `+`, `#` and `/` stand for the names of others, where rules have a name in a filter. Mail addresses may have a `+` beside other
 * characters, which is no wildcard, and rules insert no name that has one.
 */
export function isUserName(text: unknown): text is string {
  if (typeof text !== 'string' || text === '' || Buffer.byteLength(text) > NAME_BYTES_MAX)
    return false
  return text !== '+' && !/[#/]/.test(text) && !WRONG_CHARACTERS.test(text)
}
