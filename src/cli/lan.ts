// `--lan`: one listener is opened to the network, for users with passwords. If there is no user, one is made, and its
// password is shown this one time.

import { networkInterfaces } from 'node:os'
import { readAccess } from '../access/access-settings.ts'
import { EditError } from '../access/edit-file.ts'
import type { Config } from '../config/config-types.ts'
import { hasUsers } from '../config/authenticators.ts'
import { isOfThisMachine } from '../config/parse.ts'
import { newPassword } from '../access/password/new-password.ts'
import { usersIn, USERS_FILE, writeUser } from './user-command.ts'

const ALL_ADDRESSES = '0.0.0.0'
const USER = 'device'
const PORT = 1_883

/** Returns the configuration with this listener opened. Without users it asks for those of the default file. */
export function openedToLan(config: Config, index: number, host: string | null): Config {
  const listeners = config.listeners.map((each, at) => {
    if (at !== index) return each
    const open = host ?? (isOfThisMachine(each) ? ALL_ADDRESSES : each.host)
    return { ...each, host: open, plaintext: true }
  })
  const { access } = config
  const known = hasUsers(access) ? access : { ...access, usersFile: USERS_FILE }
  return { ...config, listeners, access: known }
}

/** Who may come in from the network. */
export interface LanUser {
  /** Null if there were users before. */
  readonly made: { readonly name: string; readonly password: string } | null
  readonly file: string
}

/** The listener that was opened. */
interface Opened {
  readonly host: string
  readonly port: number
}

/** Makes a user if there is none. Throws EditError or AccessFileError. */
export async function lanUser({ access }: Config): Promise<LanUser> {
  const file = access.usersFile ?? USERS_FILE
  const areInFile = access.users === undefined && access.dynamicSecurityFile === undefined
  const known = areInFile ? usersIn(file) : readAccess(access).users?.users
  if (known !== undefined && known.size > 0) return { made: null, file }
  assertUnrecorded(file)
  const password = newPassword()
  await writeUser(file, USER, password)
  return { made: { name: USER, password }, file }
}

/** What is printed under systemd is kept in its journal. */
function assertUnrecorded(file: string): void {
  if (process.stderr.isTTY || process.env['JOURNAL_STREAM'] === undefined) return
  throw new EditError(
    `--lan would show a password, and the journal would keep it. Make the user first: pondhawk user add ${USER} --file ${file}`,
  )
}

/** Returns what to type on other machines. */
export function lanLines({ made, file }: LanUser, { host, port }: Opened): string {
  const address = host === ALL_ADDRESSES ? addressHere() : host
  const where = `-h ${address}${port === PORT ? '' : ` -p ${port}`}`
  const lines =
    made === null
      ? [
          `Other machines may connect to ${address} as the users of ${file}.`,
          `Another password: pondhawk user passwd NAME --file ${file} --generate`,
        ]
      : [
          `Other machines may connect to ${address} as user ${made.name} with password ${made.password}`,
          `(shown this one time; ${file} has only its hash):`,
          `  mosquitto_sub ${where} -u ${made.name} -P ${made.password} -t 'hello/#' -v`,
          `  mosquitto_pub ${where} -u ${made.name} -P ${made.password} -t hello/world -m hi`,
          'The network can read it: there is no TLS (docs/how-to/open-to-the-network.md).',
        ]
  return `${lines.join('\n')}\n`
}

/** Returns an address of this machine in its network, IPv4 first. */
function addressHere(): string {
  const all = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  const outer = all.filter(({ internal }) => !internal)
  const found = outer.find(({ family }) => family === 'IPv4') ?? outer[0]
  return found?.address ?? 'ADDRESS'
}
