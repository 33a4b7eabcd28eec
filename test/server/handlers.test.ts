import { test } from 'tap'
import { guardOf, Handlers } from '../../src/server/handlers.ts'

test('an event is observed from its first handler to its last', async t => {
  const steps: string[] = []
  const handlers = new Handlers<{ ring: [times: number] }>(
    guardOf(() => {}),
    name => {
      steps.push(`observe ${name}`)
      return () => steps.push(`stop ${name}`)
    },
  )
  const one = (times: number): number => steps.push(`one ${times}`)
  const other = (times: number): number => steps.push(`other ${times}`)

  handlers.add('ring', one)
  handlers.add('ring', other)
  handlers.emit('ring', 2)
  handlers.remove('ring', one)
  handlers.emit('ring', 1)
  handlers.remove('ring', one)
  handlers.remove('ring', other)
  handlers.add('ring', one)

  t.strictSame(steps, ['observe ring', 'one 2', 'other 2', 'other 1', 'stop ring', 'observe ring'])
})
