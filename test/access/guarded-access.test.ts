// Access that a program gives: whatever is not clearly a yes is a no, and is said in the log.

import { test } from 'tap'
import { guardedAccess, type GivenAccess } from '../../src/access/guarded-access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'

const CREDENTIALS = {
  clientId: 'a',
  username: null,
  password: null,
  address: '',
  transport: 'tcp',
  certificate: null,
}
const ALLOWED = { kind: 'allowed', permissions: UNRESTRICTED }

/** What is decided when this is answered, and what was complained of. */
async function decided(answer: () => unknown) {
  const complaints: string[] = []
  const given = { authenticate: answer } as unknown as GivenAccess
  const access = guardedAccess(given, sentence => complaints.push(sentence))
  return { verdict: await access.authenticate(CREDENTIALS), complaints }
}

test('true, at once or later, allows with all rights; false refuses', async t => {
  for (const yes of [true, Promise.resolve(true), ALLOWED, Promise.resolve(ALLOWED)]) {
    t.strictSame(await decided(() => yes), { verdict: ALLOWED, complaints: [] })
  }
  for (const no of [false, Promise.resolve(false)]) {
    t.match(await decided(() => no), { verdict: { kind: 'refused', reason: 0x86 }, complaints: [] })
  }
})

test('an answer that is only similar to true counts as no, and is logged', async t => {
  const nearly: readonly unknown[] = [
    undefined,
    null,
    1,
    'true',
    'yes',
    {},
    [],
    new Boolean(true),
    () => true,
    { kind: 'allowed' },
    { kind: 'allowed', permissions: true },
    { kind: 'allowed', permissions: { mayPublish: () => true } },
    { kind: 'alowed', permissions: UNRESTRICTED },
    { kind: 'refused' },
    { kind: 'refused', reason: 0, sentence: 'no' },
    { kind: 'refused', reason: 0x86 },
    { kind: 'continue', data: null },
    { kind: 'allowed', permissions: UNRESTRICTED, data: 'text' },
    { kind: 'allowed', permissions: UNRESTRICTED, username: 1 },
    { kind: 'allowed', permissions: UNRESTRICTED, authentication: '' },
    { kind: 'allowed', permissions: { ...UNRESTRICTED, mayReceive: true } },
    { kind: 'allowed', permissions: { ...UNRESTRICTED, mayShare: true } },
  ]
  for (const answer of nearly) {
    for (const way of [() => answer, () => Promise.resolve(answer)]) {
      const { verdict, complaints } = await decided(way)
      t.match(verdict, { kind: 'refused', reason: 0x88 }, JSON.stringify(answer))
      t.equal(complaints.length, 1)
    }
  }
})

test('an access that throws instead of answering refuses', async t => {
  const fault = new Error('the directory is down')
  for (const way of [
    () => {
      throw fault
    },
    () => Promise.reject(fault),
    // A thenable that is no promise.
    () => ({ then: (_done: unknown, failed: (error: Error) => void) => failed(fault) }),
  ]) {
    const { verdict, complaints } = await decided(way)
    t.match(verdict, { kind: 'refused', reason: 0x88 })
    t.strictSame(complaints, ['the authentication failed to answer'])
  }
})

test('a right is given only by the answer true, at once', async t => {
  const nearly: readonly (readonly [() => unknown, boolean])[] = [
    [() => true, true],
    [() => false, false],
    [() => Promise.resolve(true), false],
    [() => Promise.reject(new Error('unheard')), false],
    [async () => true, false],
    [() => 1, false],
    [() => 'yes', false],
    [() => undefined, false],
    [() => ({}), false],
    [
      () => {
        throw new Error('a fault')
      },
      false,
    ],
  ]
  for (const [way, isYes] of nearly) {
    const permissions = { mayPublish: way, maySubscribe: way }
    const { verdict, complaints } = await decided(() => ({ kind: 'allowed', permissions }))
    if (verdict.kind !== 'allowed') throw new Error('it was allowed')
    t.equal(verdict.permissions.mayPublish('a', 0, false), isYes, String(way))
    t.equal(verdict.permissions.maySubscribe('a', null), isYes, String(way))
    // What is neither true nor false is said, each time.
    const isClear = isYes || String(way) === '() => false'
    t.equal(complaints.length, isClear ? 0 : 2, String(way))
  }
})

test('mayReceive is called only if the program has one, and a promise counts as no', async t => {
  const asked = async (more: object) => {
    const permissions = { ...UNRESTRICTED, ...more }
    const { verdict } = await decided(() => ({ kind: 'allowed', permissions }))
    if (verdict.kind !== 'allowed') throw new Error('it was allowed')
    return verdict.permissions
  }

  t.equal((await asked({})).mayReceive, undefined)
  t.equal((await asked({ mayReceive: () => true })).mayReceive?.('a'), true)
  t.equal((await asked({ mayReceive: async () => true })).mayReceive?.('a'), false)
  t.equal((await asked({})).mayShare, undefined)
  t.equal((await asked({ mayShare: () => true })).mayShare?.('a'), true)
  t.equal((await asked({ mayShare: async () => true })).mayShare?.('a'), false)
})

test('the rights of a client that is not here are answered at once, or there are none', async t => {
  const identity = { clientId: 'a', username: 'alice', address: '', authentication: 'password' }
  const told = (permissionsOf: unknown) => {
    const complaints: string[] = []
    const given = { authenticate: () => true, permissionsOf } as unknown as GivenAccess
    const access = guardedAccess(given, sentence => complaints.push(sentence))
    return { permissions: access.permissionsOf(identity), complaints: complaints.length }
  }

  t.strictSame(told(undefined), { permissions: null, complaints: 0 })
  t.strictSame(
    told(() => false),
    { permissions: null, complaints: 0 },
  )
  t.strictSame(
    told(() => null),
    { permissions: null, complaints: 0 },
  )
  t.equal(told(() => true).permissions, UNRESTRICTED)
  t.equal(told(() => ({ ...UNRESTRICTED })).permissions?.mayPublish('a', 0, false), true)
  for (const wrong of [
    () => 1,
    async () => true,
    () => ({}),
    () => {
      throw new Error('down')
    },
  ]) {
    t.strictSame(told(wrong), { permissions: null, complaints: 1 }, String(wrong))
  }
})

test('the steps of an exchange are held to the same, and may go on', async t => {
  const complaints: string[] = []
  const answers: unknown[] = [{ kind: 'continue', data: null }, 'yes', true]
  const given = {
    authenticate: () => false,
    beginExchange: (method: string) =>
      method === 'x' ? { step: () => answers.shift() } : undefined,
  } as unknown as GivenAccess
  const access = guardedAccess(given, sentence => complaints.push(sentence))

  t.equal(access.beginExchange('y', CREDENTIALS), null)
  const exchange = access.beginExchange('x', CREDENTIALS)
  const step = async () => exchange?.step({ method: 'x', data: null })
  t.match(await step(), { kind: 'continue' })
  t.match(await step(), { kind: 'refused', reason: 0x88 })
  t.match(await step(), { kind: 'allowed' })
  t.equal(complaints.length, 1)
  const none = guardedAccess({ authenticate: () => true }, () => {})
  t.equal(none.beginExchange('x', CREDENTIALS), null)
})
