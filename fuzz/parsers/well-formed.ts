// Whether bytes are well-formed UTF-8, by the fuzzer's own reading of RFC 3629.

import { codePointAt, lengthOf } from '../packet/utf8.ts'

export function isWellFormed(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    const codePoint = codePointAt(bytes, at, bytes.length)
    if (codePoint < 0) return false
    at += lengthOf(codePoint)
  }
  return true
}
