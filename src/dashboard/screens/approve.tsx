// Lets a client in that was refused: its user is made, with a password that is shown once or with that of its next try.

import type { ComponentChildren } from 'preact'
import type { ApprovalAnswer, RefusedRow } from '../../api/contract/records.ts'
import { request } from '../app/api.ts'
import { ask } from '../show/dialog.tsx'
import { visible } from '../show/format.ts'
import { At, Name } from '../show/parts.tsx'
import { showPassword } from './users.tsx'

const ACCESSES = [
  ['readwrite', 'publish and subscribe'],
  ['write', 'publish only'],
  ['read', 'subscribe only'],
] as const

interface Wanted {
  username: string
  password: 'generate' | 'next-try'
  access: string
  /** Empty for no rule. */
  filter: string
}

export function askApprove(row: RefusedRow, changed: () => void): void {
  const wanted: Wanted = {
    username: row.username ?? row.clientId,
    password: 'generate',
    access: 'readwrite',
    filter: '',
  }
  ask({
    title: `Let ${visible(row.clientId)} in?`,
    verb: 'Approve',
    typed: null,
    isHarmless: true,
    body: <Choices row={row} wanted={wanted} />,
    act: async () => {
      const { clientId, address } = row
      const { username, password, access, filter } = wanted
      const rule = filter === '' ? null : { access, filter }
      const body = { clientId, username, address, password, rule }
      const answer = await request<ApprovalAnswer>('refused/approve', { method: 'POST', body })
      changed()
      if (answer.password !== null) showPassword(username, answer.password)
      else if (answer.expiresAt !== null) sayUntil(row, answer.expiresAt)
    },
  })
}

interface ChoicesProps {
  readonly row: RefusedRow
  readonly wanted: Wanted
}

function Choices({ row: { username, address }, wanted }: ChoicesProps) {
  return (
    <>
      {username === null ? (
        <label>
          User
          <input
            name="username"
            defaultValue={wanted.username}
            spellcheck={false}
            autocomplete="off"
            onInput={event => (wanted.username = event.currentTarget.value)}
          />
        </label>
      ) : (
        <p>
          As user <Name>{username}</Name>
        </p>
      )}
      <fieldset>
        <legend>Password</legend>
        <Way way="generate" wanted={wanted}>
          Make one, and show it this one time
        </Way>
        {username === null ? (
          <p class="dim small">It sends no user name: set both on the device.</p>
        ) : (
          <Way way="next-try" wanted={wanted}>
            Take that of its next try from {visible(address)}, within 10 minutes
          </Way>
        )}
        <p class="dim small">
          Whoever shares this address and comes first could set the password of the next try.
        </p>
      </fieldset>
      <div class="row">
        <label>
          It may
          <select onChange={event => (wanted.access = event.currentTarget.value)}>
            {ACCESSES.map(([access, words]) => (
              <option key={access} value={access}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label class="grow">
          to this topic filter (empty: no rule is added)
          <input
            name="filter"
            spellcheck={false}
            autocomplete="off"
            onInput={event => (wanted.filter = event.currentTarget.value)}
          />
        </label>
      </div>
    </>
  )
}

interface WayProps {
  readonly way: Wanted['password']
  readonly wanted: Wanted
  readonly children: ComponentChildren
}

function Way({ way, wanted, children }: WayProps) {
  return (
    <label class="check">
      <input
        type="radio"
        name="password"
        value={way}
        defaultChecked={way === wanted.password}
        onChange={() => (wanted.password = way)}
      />
      <span>{children}</span>
    </label>
  )
}

function sayUntil({ clientId }: RefusedRow, until: string): void {
  ask({
    title: `${visible(clientId)} may try now`,
    verb: 'Done',
    typed: null,
    isHarmless: true,
    body: (
      <p>
        The password of its next try, until <At at={until} />, becomes that of its user.
      </p>
    ),
    act: async () => null,
  })
}
