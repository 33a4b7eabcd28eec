// The ledger of the sequences finds faults that are planted in rights and queues.

import { test } from 'tap'
import { fuzz } from '../../fuzz/driver.ts'
import { SequenceTarget } from '../../fuzz/sequences/sequence-target.ts'
import type { WorldParts } from '../../fuzz/sequences/sequence-world.ts'
import type { Access, Verdict } from '../../src/access/access.ts'
import { type Permissions, UNRESTRICTED } from '../../src/access/permissions.ts'

const RUNS = 4_000

/** Changes the rights of those who are let in. */
function granting(change: (permissions: Permissions) => Permissions): WorldParts {
  const changed = (verdict: Verdict): Verdict =>
    verdict.kind === 'allowed' ? { ...verdict, permissions: change(verdict.permissions) } : verdict
  return {
    access: access => ({
      ...through(access),
      authenticate: credentials => {
        const verdict = access.authenticate(credentials)
        return verdict instanceof Promise ? verdict.then(changed) : changed(verdict)
      },
    }),
  }
}

function through(access: Access): Access {
  return {
    authenticate: credentials => access.authenticate(credentials),
    beginExchange: (method, credentials) => access.beginExchange(method, credentials),
    permissionsOf: identity => access.permissionsOf(identity),
  }
}

/** Answers each question about a topic as it was answered first. */
function remembering(permissions: Permissions): Permissions {
  const answers = new Map<string, boolean>()
  return {
    mayPublish: (topic, qos, retain) => permissions.mayPublish(topic, qos, retain),
    maySubscribe: (filter, shareName) => permissions.maySubscribe(filter, shareName),
    mayReceive: topic => {
      const answer = answers.get(topic) ?? permissions.mayReceive?.(topic) ?? true
      answers.set(topic, answer)
      return answer
    },
  }
}

const PLANTED: Readonly<Record<string, WorldParts>> = {
  'who may not receive a topic receives it': granting(permissions => ({
    mayPublish: (topic, qos, retain) => permissions.mayPublish(topic, qos, retain),
    maySubscribe: (filter, shareName) => permissions.maySubscribe(filter, shareName),
  })),
  'a reload that is not asked about again': granting(remembering),
  'a retained message that needs no right': granting(permissions => ({
    mayPublish: (topic, qos, retain) => retain || permissions.mayPublish(topic, qos, retain),
    maySubscribe: (filter, shareName) => permissions.maySubscribe(filter, shareName),
    mayReceive: topic => permissions.mayReceive?.(topic) ?? true,
  })),
  'everybody is let in': {
    access: access => ({
      ...through(access),
      authenticate: () => ({ kind: 'allowed', permissions: UNRESTRICTED }),
    }),
  },
  'a queue that drops what was acknowledged': { limits: { queuedMessagesMax: 0 } },
}

for (const [name, parts] of Object.entries(PLANTED)) {
  test(`${name}: this is found`, async t => {
    const { findings } = await fuzz(new SequenceTarget(parts), {
      from: 1,
      count: RUNS,
      until: Infinity,
      findingsMax: 1,
    })

    t.ok(findings.length > 0)
  })
}

test('a will that has all rights after a restart: this is found', async t => {
  const script =
    'c:u:5 a:a:5;rules 1;connect 1 keep;subscribe 1 # 1;connect 0 keep a/b 1 0;rules 9;restart'
  const allRights: WorldParts = {
    access: access => ({ ...through(access), permissionsOf: () => UNRESTRICTED }),
  }

  t.match(await new SequenceTarget(allRights).replay(script), 'entered without the right')
  t.equal(await new SequenceTarget().replay(script), null)
})

test('a sequence is minimised to the commands that it needs', async t => {
  const target = new SequenceTarget({ limits: { queuedMessagesMax: 0 } })

  const { findings } = await fuzz(target, { from: 1, count: RUNS, until: Infinity, findingsMax: 1 })

  t.ok(findings.every(({ input }) => input.split(';').length < 12))
  t.comment(findings[0]?.input)
})
