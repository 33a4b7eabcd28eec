// The users of the users file: made, given another password, removed.

import type { UserAnswer, UserRow, UsersAnswer } from '../../api/contract/administration.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { ask } from '../show/dialog.tsx'
import { count, counted, sentence, visible } from '../show/format.ts'
import { Action, Empty, Failure, Name, Snippet } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const NO_FILE = 409

export function Users() {
  const users = useResource<UsersAnswer>('users')
  const { data, error, status, reload } = users
  if (status === NO_FILE && error !== null) return <Empty>{sentence(error)}</Empty>
  const columns: readonly Column<UserRow>[] = [
    { label: 'User', cell: ({ username }) => <Name>{username}</Name> },
    { label: 'Connected', isNumber: true, isKey: true, cell: row => count(row.clientsConnected) },
    { label: 'Password', cell: ({ hash, isWeak }) => `${hash}${isWeak ? ', weak' : ''}` },
    {
      label: '',
      cell: row => (
        <span class="row">
          <Action onClick={() => askPassword(row.username, reload)}>New password</Action>
          <Action onClick={() => askRemove(row, reload)}>Remove</Action>
        </span>
      ),
    },
  ]
  return (
    <section class="stack" aria-labelledby="users">
      <div class="head">
        <h2 id="users">Users {data === null ? '' : `of ${visible(data.source)}`}</h2>
        <span class="actions">
          <Action onClick={() => askPassword(null, reload)}>Add a user</Action>
        </span>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null &&
        (data.items.length === 0 ? (
          <Empty>There is no user yet.</Empty>
        ) : (
          <Table
            caption="Users"
            columns={columns}
            rows={data.items}
            keyOf={({ username }) => username}
          />
        ))}
    </section>
  )
}

/** Makes a user, or a new password for one: null asks for the name. */
function askPassword(known: string | null, changed: () => void): void {
  let username = known ?? ''
  ask({
    title: known === null ? 'Add a user' : `A new password for ${visible(known)}?`,
    verb: known === null ? 'Add' : 'Make it',
    typed: null,
    isHarmless: known === null,
    body:
      known === null ? (
        <label>
          Name
          <input
            autocomplete="off"
            spellcheck={false}
            onInput={event => (username = event.currentTarget.value)}
          />
        </label>
      ) : (
        <p>The old one counts no more: clients of this user must sign in again.</p>
      ),
    act: async () => {
      await makeUser(username)
      changed()
    },
  })
}

/** Makes the user, or another password for it, and shows the password this one time. */
async function makeUser(username: string): Promise<void> {
  const { password } = await request<UserAnswer>(withQuery('user', { username }), {
    method: 'PUT',
    body: { generate: true },
  })
  showPassword(username, password ?? '')
}

export function showPassword(username: string, password: string): void {
  ask({
    title: `The password of ${visible(username)}`,
    verb: 'Done',
    typed: null,
    isHarmless: true,
    body: (
      <>
        <p>Give it to the client. It is shown this one time.</p>
        <Snippet what="the password" text={password} />
      </>
    ),
    act: async () => null,
  })
}

function askRemove({ username, clientsConnected }: UserRow, changed: () => void): void {
  ask({
    title: `Remove ${visible(username)}?`,
    verb: 'Remove',
    typed: null,
    body: <p>{counted(clientsConnected, 'client')} of this user must go now.</p>,
    act: async () => {
      await request(withQuery('user', { username }), { method: 'DELETE' })
      changed()
    },
  })
}
