// User names in certificates, pre-shared keys and tokens.

const NAME_BYTES_MAX = 256

/** Characters that no name has: those that control a terminal or end a C string, and what was no UTF-8. */
const WRONG_CHARACTERS = /[\p{Cc}\p{Cs}\uFFFD]/u

/**
 * Rules insert names into filters (`%u`), where a name that is `+`, or has `#` or `/`, could match the topics of others. A `+` beside
 * other characters, as in a mail address, is no wildcard, and rules insert no name that has one.
 */
export function isUserName(text: unknown): text is string {
  if (typeof text !== 'string' || text === '' || Buffer.byteLength(text) > NAME_BYTES_MAX)
    return false
  return text !== '+' && !/[#/]/.test(text) && !WRONG_CHARACTERS.test(text)
}

/** Why a text cannot be a user name, for a sentence that begins with the text. */
export const NO_USER_NAME =
  'cannot be a user name: it is "+", has #, / or control characters, or is too long'
