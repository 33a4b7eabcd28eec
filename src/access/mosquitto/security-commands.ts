// The commands of mosquitto's dynamic security: each changes a document or describes it, and is answered as mosquitto 2.1 answers.

import {
  CLIENT,
  type CommandContext,
  found,
  GROUP,
  type Kind,
  type Named,
  onOne,
  onTwo,
  ROLE,
  type Run,
} from './command-context.ts'
import { CommandRefused } from './command-fields.ts'
import {
  addRoleAcl,
  createClient,
  createGroup,
  createRole,
  deleteClient,
  deleteGroup,
  deleteRole,
  give,
  modifyClient,
  modifyGroup,
  modifyRole,
  removeRoleAcl,
  setDefaults,
} from './security-changes.ts'
import {
  DEFAULT_TYPES,
  describedClient,
  describedGroup,
  describedRole,
  NO_PRIORITY,
  priorityIn,
  type SecurityClient,
} from './security-document.ts'

interface SecurityCommand {
  readonly name: string
  readonly changes: boolean
  readonly run: Run
}

/** A count of 0 gives one, as in mosquitto; below 0 all. */
function list<Value extends Named>(
  kind: Kind<Value>,
  name: string,
  described: (value: Value, context: CommandContext) => object,
): Run {
  return (context, { lenient }) => {
    const all = kind.in(context.document).inOrder()
    const count = lenient.whole('count') ?? -1
    const offset = Math.max(0, lenient.whole('offset') ?? 0)
    const end = count < 0 ? all.length : offset + Math.max(1, count)
    const isVerbose = lenient.boolean('verbose') === true
    const shown = all
      .slice(offset, end)
      .map(value => (isVerbose ? described(value, context) : value.name))
    return { totalCount: all.length, [name]: shown }
  }
}

function clientShown(client: SecurityClient, { addressesOf }: CommandContext): object {
  const connections = addressesOf(client.name).map(address => ({ address }))
  return { ...describedClient(client, true), connections }
}

function changing(name: string, run: Run): SecurityCommand {
  return { name, changes: true, run }
}

function asking(name: string, run: Run): SecurityCommand {
  return { name, changes: false, run }
}

const ALL: readonly SecurityCommand[] = [
  changing('createClient', createClient),
  changing('modifyClient', onOne(CLIENT, modifyClient)),
  changing('deleteClient', onOne(CLIENT, deleteClient)),
  changing(
    'enableClient',
    onOne(CLIENT, client => {
      client.isDisabled = false
      return null
    }),
  ),
  changing(
    'disableClient',
    onOne(CLIENT, client => {
      client.isDisabled = true
      return null
    }),
  ),
  changing('setClientPassword', (context, fields) => {
    const name = fields.needed('username')
    const password = fields.needed('password')
    if (password === '') throw new CommandRefused('Empty password is not allowed')
    found(CLIENT, name, context).password = Buffer.from(password)
    return null
  }),
  changing('setClientId', (context, fields) => {
    const name = fields.needed('username')
    const clientId = fields.text('clientid', 'Invalid/missing client ID')
    fields.assertText(clientId ?? '', 'Client ID')
    found(CLIENT, name, context).clientId = clientId === '' ? null : clientId
    return null
  }),
  changing(
    'addClientRole',
    onTwo(CLIENT, ROLE, ({ roles }, role, fields) => give(roles, role, fields, 'Internal error')),
  ),
  changing(
    'removeClientRole',
    onTwo(CLIENT, ROLE, ({ roles }, role) => void roles.delete(role.name)),
  ),
  changing('createGroup', createGroup),
  changing('modifyGroup', onOne(GROUP, modifyGroup)),
  changing('deleteGroup', onOne(GROUP, deleteGroup)),
  changing(
    'addGroupRole',
    onTwo(GROUP, ROLE, ({ roles }, role, fields) =>
      give(roles, role, fields, 'Group is already in this role'),
    ),
  ),
  changing(
    'removeGroupRole',
    onTwo(GROUP, ROLE, ({ roles }, role) => void roles.delete(role.name)),
  ),
  changing(
    'addGroupClient',
    onTwo(GROUP, CLIENT, (group, client, fields, { document }) => {
      if (group.clients.has(client.name)) {
        throw new CommandRefused('Client is already in this group')
      }
      document.join(client, group, priorityIn(fields.lenient, NO_PRIORITY))
    }),
  ),
  changing(
    'removeGroupClient',
    onTwo(GROUP, CLIENT, (group, client, _fields, { document }) => document.leave(client, group)),
  ),
  changing(
    'setAnonymousGroup',
    onOne(GROUP, ({ name }, { document }) => {
      document.anonymousGroup = name
      return null
    }),
  ),
  changing('createRole', createRole),
  changing('modifyRole', onOne({ ...ROLE, unknown: 'Role does not exist' }, modifyRole)),
  changing('deleteRole', onOne(ROLE, deleteRole)),
  changing('addRoleACL', onOne(ROLE, addRoleAcl)),
  changing('removeRoleACL', onOne(ROLE, removeRoleAcl)),
  changing('setDefaultACLAccess', setDefaults),
  asking(
    'getClient',
    onOne(CLIENT, (client, context) => ({ client: clientShown(client, context) })),
  ),
  asking(
    'getGroup',
    onOne(GROUP, group => ({ group: describedGroup(group) })),
  ),
  asking(
    'getRole',
    onOne(ROLE, role => ({ role: describedRole(role) })),
  ),
  asking('listClients', list(CLIENT, 'clients', clientShown)),
  asking('listGroups', list(GROUP, 'groups', describedGroup)),
  asking('listRoles', list(ROLE, 'roles', describedRole)),
  asking('getAnonymousGroup', ({ document: { anonymousGroup } }) =>
    anonymousGroup === null ? null : { group: { groupname: anonymousGroup } },
  ),
  asking('getDefaultACLAccess', ({ document: { defaults } }) => ({
    acls: DEFAULT_TYPES.map(acltype => ({ acltype, allow: defaults[acltype] })),
  })),
  asking('getDetails', ({ document }) => ({
    clientCount: document.clients.size,
    groupCount: document.groups.size,
    roleCount: document.roles.size,
    changeIndex: document.changeIndex,
  })),
]

const BY_NAME = new Map(ALL.map(command => [command.name.toLowerCase(), command]))

/** mosquitto finds commands in any case. */
export function commandNamed(name: string): SecurityCommand | null {
  return BY_NAME.get(name.toLowerCase()) ?? null
}
