// Reads the users and rules of a configuration, which are in files or in the configuration itself.

import { AccessFileError, type Problem, readAccessFile } from './access-file.ts'
import type { CertificateSettings } from './certificate-users.ts'
import { type FingerprintFile, parseFingerprintFile } from './fingerprint-file.ts'
import { type KeySettings, readKeys } from './jwt/file-keys.ts'
import type { KeySet } from './jwt/key-set.ts'
import { parseAclFile } from './mosquitto/acl-file.ts'
import { AclRules } from './mosquitto/acl-rules.ts'
import { parseDynamicSecurity } from './mosquitto/dynamic-security-file.ts'
import { DynamicSecurityRules } from './mosquitto/dynamic-security-rules.ts'
import type { WrittenSecurity } from './mosquitto/security-writing.ts'
import {
  parsePasswordFile,
  type PasswordFile,
  passwordUser,
  weaknesses,
} from './password/password-file.ts'
import { WrongHash } from './password/password-hash.ts'
import type { RuleBook } from './rules/rule.ts'

interface AccessSettings {
  readonly anonymous?: 'never' | 'loopback' | 'everywhere' | undefined
  readonly usersFile?: string | undefined
  readonly users?: Readonly<Record<string, string>> | undefined
  readonly rulesFile?: string | undefined
  readonly rules?: string | undefined
  readonly dynamicSecurityFile?: string | undefined
  readonly certificates?: CertificateSettings | undefined
  readonly jwt?: KeySettings | undefined
}

interface Rules {
  readonly book: RuleBook
  /** How many rules there are in the files. */
  readonly count: number
  readonly warnings: readonly Problem[]
}

export interface AccessFiles {
  /** Null when no passwords are required. */
  readonly users: PasswordFile | null
  /** Users who may not come in by any way. */
  readonly disabled?: ReadonlySet<string>
  /** Null when every allowed client may do everything. */
  readonly rules: Rules | null
  /** Null or left out when no file has keys for tokens. */
  readonly keys?: KeySet | null
  /** Null or left out when there is no file with certificates. */
  readonly fingerprints?: FingerprintFile | null
  readonly warnings: readonly Problem[]
}

/**
 * Reads users, rules, keys and certificates. Throws AccessFileError with the place of a mistake; then nothing is used. `written` is the
 * dynamic security as the broker itself has written it: if the file is still that, it is not parsed.
 */
export function readAccess(
  settings: AccessSettings,
  written: WrittenSecurity | null = null,
): AccessFiles {
  const problems: Problem[] = []
  const keys = attempted(() => readKeys(settings.jwt ?? {}), problems)
  const { dynamicSecurityFile: file } = settings
  const security =
    file === undefined ? null : attempted(() => readDynamicSecurity(file, written), problems)
  const users = attempted(() => usersOf(settings), problems)
  const rules = attempted(() => rulesOf(settings), problems)
  const fingerprints = attempted(() => fingerprintsOf(settings), problems)
  if (problems.length > 0) throw new AccessFileError(problems)
  if (security !== null) return { ...security, keys, fingerprints }
  const warnings = [...(users?.warnings ?? []), ...(rules?.warnings ?? [])]
  return { users, rules, keys, fingerprints, warnings }
}

function readDynamicSecurity(file: string, written: WrittenSecurity | null): AccessFiles {
  const bytes = readAccessFile(file)
  const isWritten = written !== null && written.bytes.equals(bytes)
  const security = isWritten ? written.security : parseDynamicSecurity(bytes, file)
  const { users, secured, ruleCount: count, warnings } = security
  const disabled = [...secured.values()].filter(({ isDisabled }) => isDisabled)
  const book = new DynamicSecurityRules(security)
  return {
    users: { users, decoyKey: null, warnings: [] },
    disabled: new Set(disabled.map(({ name }) => name)),
    rules: { book, count, warnings: [] },
    warnings: [...warnings, ...weaknesses(users, file)],
  }
}

/** Collects the mistakes of all, so that those of one do not hide those of another. */
function attempted<Read>(read: () => Read, problems: Problem[]): Read | null {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof AccessFileError)) throw error
    for (const each of error.problems) problems.push(each)
    return null
  }
}

function usersInFile(file: string): PasswordFile {
  const mend = `make it: pondhawk user add NAME --generate --file ${file}`
  return parsePasswordFile(readAccessFile(file, mend), file)
}

function usersOf(settings: AccessSettings): PasswordFile | null {
  const { usersFile: file, users } = settings
  if (file === undefined && users === undefined) return null
  const inFile = file === undefined ? NO_USERS : usersInFile(file)
  const all = new Map(inFile.users)
  const problems: Problem[] = []
  for (const [name, written] of Object.entries(users ?? {})) {
    const place = `access.users.${name}`
    try {
      if (all.has(name)) throw new WrongHash(`${file} has a user of this name as well`)
      all.set(name, passwordUser(name, written, 0, place))
    } catch (error) {
      if (!(error instanceof WrongHash)) throw error
      problems.push({ place, sentence: error.message })
    }
  }
  if (problems.length > 0) throw new AccessFileError(problems)
  return { ...inFile, users: all }
}

function fingerprintsOf({ certificates }: AccessSettings): FingerprintFile | null {
  const file = certificates?.fingerprintsFile
  return file === undefined ? null : parseFingerprintFile(readAccessFile(file), file)
}

/** Joins the rules of file and configuration. Each part begins with lines for clients without a user name. */
function rulesOf({ rulesFile, rules }: AccessSettings): Rules | null {
  if (rulesFile === undefined && rules === undefined) return null
  const parts = [
    ...(rulesFile === undefined ? [] : [parseAclFile(readAccessFile(rulesFile), rulesFile)]),
    ...(rules === undefined ? [] : [parseAclFile(Buffer.from(rules), 'access.rules')]),
  ]
  const lines = parts.flatMap(each => each.lines)
  const warnings = parts.flatMap(each => each.warnings)
  return { book: new AclRules({ lines, warnings }), count: lines.length, warnings }
}

const NO_USERS: PasswordFile = { users: new Map(), decoyKey: null, warnings: [] }
