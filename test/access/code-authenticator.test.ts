// An authenticator of a program in the chain: what it may answer, and that everything else refuses.

import { test } from 'tap'
import type { Credentials } from '../../src/access/access.ts'
import { type CodeAnswer, CodeAuthenticator } from '../../src/access/code-authenticator.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'

const WHO: Credentials = {
  clientId: 'c1',
  username: 'alice',
  password: Buffer.from('x'),
  address: '10.0.0.1',
  transport: 'tcp',
  certificate: null,
}
const IDENTITY = { clientId: 'c1', username: 'alice', address: '', authentication: 'code' }

function answering(authenticate: (credentials: Credentials) => unknown, more: object = {}) {
  const complaints: string[] = []
  let late: () => void = () => {}
  let stopped = 0
  const code = new CodeAuthenticator(
    // A program may give anything.
    { authenticate: authenticate as () => CodeAnswer, ...more },
    {
      complain: sentence => void complaints.push(sentence),
      afterTime: callback => {
        late = callback
        return () => (stopped += 1)
      },
    },
  )
  return { code, complaints, passes: () => late(), stops: () => stopped }
}

test('an answer that throws when it is looked at refuses, at once or late', async t => {
  const throws = (): never => {
    throw new Error('no')
  }
  const unreadable = Object.defineProperty({}, 'kind', { get: throws })
  const answers: readonly (() => unknown)[] = [
    () => unreadable,
    () => Promise.resolve(unreadable),
    () => ({ then: throws }),
    () => Object.defineProperty({}, 'then', { get: throws }),
    () => ({ kind: Object.create(null) as unknown }),
  ]
  for (const answer of answers) {
    const { code, complaints } = answering(answer)

    t.match(await code.authenticate(WHO), { kind: 'refused', reason: 0x88 })

    t.equal(complaints.length, 1)
  }
})

test('it may know a client, refuse it, or leave it to the next', async t => {
  const permissions = { mayPublish: () => true, maySubscribe: () => false }
  const table: readonly (readonly [unknown, object | null])[] = [
    [null, null],
    [true, { kind: 'found', username: 'alice', authentication: 'code', rights: null }],
    [false, { kind: 'refused', reason: 0x86 }],
    [
      { kind: 'allowed', username: 'bob', validForMs: 5 },
      { username: 'bob', validForMs: 5 },
    ],
    [
      { kind: 'allowed', username: null },
      { username: null, rights: null },
    ],
    [{ kind: 'allowed', permissions: UNRESTRICTED }, { rights: UNRESTRICTED }],
    [
      { kind: 'refused', reason: 0x97, sentence: 'no quota' },
      { reason: 0x97, sentence: 'no quota' },
    ],
  ]
  for (const [answer, found] of table) {
    for (const given of [answer, Promise.resolve(answer)]) {
      const { code, complaints } = answering(() => given)
      t.match(await code.authenticate(WHO), found)
      t.strictSame(complaints, [])
    }
  }
  const { code } = answering(() => ({ kind: 'allowed', permissions }))
  const found = await code.authenticate(WHO)
  const rights = found?.kind === 'found' ? found.rights : null
  t.ok(rights !== null && 'mayPublish' in rights && rights.mayPublish('a', 0, false))
})

test('every other answer refuses and is logged, and never passes for a client that is not known', async t => {
  const wrong: readonly unknown[] = [
    undefined,
    0,
    '',
    'yes',
    {},
    { kind: 'continue' },
    { kind: 'allowed', permissions: {} },
    { kind: 'allowed', permissions: null },
    { kind: 'allowed', username: 7 },
    { kind: 'allowed', validForMs: -1 },
    { kind: 'refused', reason: 0, sentence: 'x' },
    { kind: 'refused', reason: 0x87 },
  ]
  for (const answer of wrong) {
    for (const given of [answer, Promise.resolve(answer)]) {
      const { code, complaints } = answering(() => given)
      t.match(await code.authenticate(WHO), { kind: 'refused', reason: 0x88 })
      t.match(complaints, [/^access\.code\.authenticate gave a wrong answer/])
    }
  }
})

test('one that throws, rejects or never answers refuses', async t => {
  const throwing = answering(() => {
    throw new Error('x')
  })
  t.match(await throwing.code.authenticate(WHO), { kind: 'refused', reason: 0x88 })
  const rejecting = answering(() => Promise.reject(new Error('x')))
  t.match(await rejecting.code.authenticate(WHO), { kind: 'refused', reason: 0x88 })
  t.equal(rejecting.stops(), 1)

  let answer: (value: boolean) => void = () => {}
  const late = answering(() => new Promise(settle => (answer = settle)))
  const found = late.code.authenticate(WHO)
  late.passes()
  answer(true)
  t.match(await found, { kind: 'refused', reason: 0x88 }, 'an answer that comes later is too late')

  const complaints = [throwing, rejecting, late].flatMap(each => each.complaints)
  t.match(complaints, [/has thrown/, /has rejected/, /has not answered in 5 s/])
})

test('rights of clients of an earlier run are those that it gives at once', async t => {
  const rightsBy = (permissionsOf?: () => unknown) =>
    answering(() => null, permissionsOf && { permissionsOf }).code.rightsOf(IDENTITY)
  const permissions = { mayPublish: () => true, maySubscribe: () => true }

  t.equal(rightsBy(), null)
  t.equal(
    rightsBy(() => true),
    'rules',
  )
  t.equal(
    rightsBy(() => null),
    null,
  )
  t.match(
    rightsBy(() => permissions),
    { mayPublish: Function },
  )
  for (const wrong of [() => Promise.resolve(true), () => 1, () => ({})]) {
    t.equal(rightsBy(wrong), null)
  }
  t.equal(
    rightsBy(() => {
      throw new Error('x')
    }),
    null,
  )
})
