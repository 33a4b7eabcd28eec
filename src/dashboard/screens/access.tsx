// Who may come in and do what: users, rules, and those who are signed in to this page.

import { change } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { Choice } from '../show/parts.tsx'
import { KeysAndSignIns } from './keys-and-sign-ins.tsx'
import { Rules } from './rules.tsx'
import { Users } from './users.tsx'

const TABS = [
  ['users', 'Users'],
  ['rules', 'Rules'],
  ['keys', 'Sign-ins and keys'],
] as const

export default function Access({ query }: ScreenProps) {
  const tab = TABS.find(([name]) => name === query.get('tab'))?.[0] ?? 'users'
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>Access</h1>
        <Choice
          label="Part of access"
          value={tab}
          options={TABS}
          onChange={next => change({ tab: next })}
        />
      </div>
      {tab === 'users' ? <Users /> : tab === 'rules' ? <Rules /> : <KeysAndSignIns />}
    </div>
  )
}
