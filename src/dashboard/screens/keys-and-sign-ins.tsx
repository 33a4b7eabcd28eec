// Browsers that are signed in, and keys of programs.

import type { KeyAnswer, KeysAnswer, LinkAnswer, Role } from '../../api/contract/sign-in.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { isOperator } from '../app/session.ts'
import { ask } from '../show/dialog.tsx'
import { visible } from '../show/format.ts'
import { Action, At, Empty, Failure, Name, Snippet } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

interface SignIn {
  readonly id: string
  readonly role: string
  readonly address: string
  readonly createdAt: string
  readonly lastUsedAt: string
  readonly expiresAt: string
}
type Key = KeysAnswer['items'][number]

export function KeysAndSignIns() {
  if (!isOperator.value) return <Empty>Only an operator sees who is signed in.</Empty>
  return (
    <>
      <SignIns />
      <Keys />
    </>
  )
}

function SignIns() {
  const list = useResource<{ readonly items: readonly SignIn[] }>('sign-ins')
  const columns: readonly Column<SignIn>[] = [
    { label: 'Role', cell: ({ role }) => role },
    { label: 'From', isKey: true, cell: ({ address }) => <Name>{address}</Name> },
    { label: 'Signed in', cell: ({ createdAt }) => <At at={createdAt} /> },
    { label: 'Last used', cell: ({ lastUsedAt }) => <At at={lastUsedAt} /> },
    { label: 'Ends', cell: ({ expiresAt }) => <At at={expiresAt} /> },
    { label: '', cell: row => <Action onClick={() => askEnd(row, list.reload)}>End</Action> },
  ]
  return (
    <section class="stack" aria-labelledby="sign-ins">
      <div class="head">
        <h2 id="sign-ins">Browsers that are signed in</h2>
        <span class="actions">
          <Action onClick={() => makeLink('viewer')}>Link for a viewer</Action>
          <Action onClick={() => makeLink('operator')}>Link for an operator</Action>
        </span>
      </div>
      <Failure sentence={list.error} again={list.reload} />
      {list.data !== null && (
        <Table
          caption="Browsers that are signed in"
          columns={columns}
          rows={list.data.items}
          keyOf={({ id }) => id}
        />
      )}
    </section>
  )
}

function askEnd({ id, address }: SignIn, changed: () => void): void {
  ask({
    title: `End the sign-in from ${visible(address)}?`,
    verb: 'End',
    typed: null,
    body: <p>That browser needs a new link.</p>,
    act: async () => {
      await request(withQuery('sign-ins', { id }), { method: 'DELETE' })
      changed()
    },
  })
}

/** The link has the address by which this page was reached: whoever gets it is most likely to reach it so, too. */
async function makeLink(role: 'viewer' | 'operator'): Promise<void> {
  const { key, expiresAt } = await request<LinkAnswer>('sign-ins', {
    method: 'POST',
    body: { role },
  })
  const url = `${location.origin}${location.pathname}#key=${key}`
  ask({
    title: `A link for ${role === 'viewer' ? 'a viewer' : 'an operator'}`,
    verb: 'Done',
    isHarmless: true,
    typed: null,
    body: (
      <>
        <Snippet what="the link" text={url} />
        <p class="dim">
          It counts once, until <At at={expiresAt} />.
        </p>
      </>
    ),
    act: async () => null,
  })
}

function Keys() {
  const list = useResource<KeysAnswer>('keys')
  const columns: readonly Column<Key>[] = [
    { label: 'Name', cell: ({ name }) => <Name>{name}</Name> },
    {
      label: 'Role',
      isKey: true,
      cell: ({ role, username }) => (username === null ? role : `${role} ${visible(username)}`),
    },
    { label: 'Made', cell: ({ createdAt }) => <At at={createdAt} /> },
    {
      label: 'Last used',
      cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : <At at={lastUsedAt} />),
    },
    {
      label: 'Ends',
      cell: ({ expiresAt }) => (expiresAt === null ? 'when it is removed' : <At at={expiresAt} />),
    },
    { label: '', cell: row => <Action onClick={() => askRemove(row, list.reload)}>Remove</Action> },
  ]
  return (
    <section class="stack" aria-labelledby="keys">
      <div class="head">
        <h2 id="keys">Keys of programs</h2>
        <span class="actions">
          <Action onClick={() => askNewKey(list.reload)}>New key</Action>
        </span>
      </div>
      <Failure sentence={list.error} again={list.reload} />
      {list.data !== null &&
        (list.data.items.length === 0 ? (
          <Empty>Programs that use the REST API need a key each: Authorization: Bearer phk_…</Empty>
        ) : (
          <Table
            caption="Keys of programs"
            columns={columns}
            rows={list.data.items}
            keyOf={({ id }) => id}
          />
        ))}
    </section>
  )
}

function askRemove({ id, name }: Key, changed: () => void): void {
  ask({
    title: `Remove the key ${visible(name)}?`,
    verb: 'Remove',
    typed: null,
    body: <p>Whoever uses it is refused from now on.</p>,
    act: async () => {
      await request(withQuery('keys', { id }), { method: 'DELETE' })
      changed()
    },
  })
}

function askNewKey(changed: () => void): void {
  const wanted: { name: string; role: Role; username: string } = {
    name: '',
    role: 'viewer',
    username: '',
  }
  ask({
    title: 'A new key for a program',
    verb: 'Make it',
    isHarmless: true,
    typed: null,
    body: (
      <>
        <label>
          What it is for
          <input
            autocomplete="off"
            spellcheck={false}
            onInput={event => (wanted.name = event.currentTarget.value)}
          />
        </label>
        <label>
          Role
          <select onChange={event => (wanted.role = event.currentTarget.value as Role)}>
            <option value="viewer">viewer: reads, sees no payloads</option>
            <option value="operator">operator: reads and changes</option>
            <option value="user">user: publishes and reads by the rules of a user of MQTT</option>
          </select>
        </label>
        <label>
          User of MQTT, for the role user
          <input
            autocomplete="off"
            spellcheck={false}
            onInput={event => (wanted.username = event.currentTarget.value)}
          />
        </label>
      </>
    ),
    act: async () => {
      const { name, role, username } = wanted
      const body = { name, role, ...(username !== '' && { username }) }
      const { key } = await request<KeyAnswer>('keys', { method: 'POST', body })
      changed()
      showKey(name, key)
    },
  })
}

function showKey(name: string, key: string): void {
  ask({
    title: `The key ${visible(name)}`,
    verb: 'Done',
    isHarmless: true,
    typed: null,
    body: (
      <>
        <Snippet what="the key" text={key} />
        <p class="dim">It is shown this one time: Pondhawk keeps only a hash of it.</p>
      </>
    ),
    act: async () => null,
  })
}
