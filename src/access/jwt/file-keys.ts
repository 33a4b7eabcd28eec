// Keys of an identity provider in a file.

import { AccessFileError, readAccessFile } from '../access-file.ts'
import type { KeySource } from './jwt-authenticator.ts'
import {
  type Algorithm,
  type KeySet,
  parseJwks,
  parsePemKey,
  parseSecret,
  WrongKeys,
} from './key-set.ts'

export interface KeySettings {
  readonly jwksFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly secretFile?: string | undefined
  readonly algorithms?: readonly Algorithm[] | undefined
}

export class FileKeys implements KeySource {
  keys: KeySet

  constructor(keys: KeySet) {
    this.keys = keys
  }

  /** The file is read when it changes. */
  renewed(): null {
    return null
  }
}

/** Null when the keys are in no file. Throws AccessFileError. */
export function readKeys(settings: KeySettings): KeySet | null {
  const { jwksFile, keyFile, secretFile, algorithms } = settings
  if (jwksFile !== undefined) return read(jwksFile, bytes => parseJwks(bytes, algorithms))
  if (keyFile !== undefined) return read(keyFile, bytes => parsePemKey(bytes, algorithms))
  if (secretFile !== undefined) return read(secretFile, bytes => parseSecret(bytes, algorithms))
  return null
}

function read(file: string, parse: (bytes: Buffer) => KeySet): KeySet {
  try {
    return parse(readAccessFile(file))
  } catch (error) {
    if (!(error instanceof WrongKeys)) throw error
    throw new AccessFileError([{ place: file, sentence: error.message }])
  }
}
