// Threat 7: a flood of wrong passwords neither delays clients that are connected nor keeps out an owner who was here before.
// Scale: 200 logins at once from one address.

import { test } from 'tap'
import { AttackedBroker, passwordsOf } from './attacked-broker.ts'

const LOGINS = 200
/** Wrong; not answered in time, because guesses are delayed; no place in the queue. */
const REFUSALS: readonly unknown[] = [0x86, 0x88, 0x89]
const OWNER = { username: 'owner', password: 'owners-password' }

test('two hundred wrong logins at once are refused or not answered, and the owner of the account comes in meanwhile', async t => {
  const users = passwordsOf({ owner: OWNER.password, victim: 'victims-password' })
  const broker = await AttackedBroker.started(t, { access: { usersFile: 'users' } }, { users })
  await broker.isWatched(OWNER)
  const codes = new Set<unknown>()

  const attack = Array.from({ length: LOGINS }, async (_, index) => {
    const guess = { username: 'victim', password: `guess-${index}`, protocolVersion: 5 as const }
    const connecting = broker.client({ ...guess, connectTimeout: 60_000 })
    codes.add(
      await connecting.then(
        () => 'let in',
        refusal => (refusal as { code: number }).code,
      ),
    )
  })
  await (await broker.client({ ...OWNER, clientId: 'owner-again' })).endAsync()
  await Promise.all(attack)

  t.strictSame(
    [...codes].filter(code => !REFUSALS.includes(code)),
    [],
  )
  t.ok(codes.has(0x89), 'the queue of passwords has a bound')
  await broker.hasSurvived(t, ['owners-password', 'victims-password', 'guess-'], OWNER)
})
