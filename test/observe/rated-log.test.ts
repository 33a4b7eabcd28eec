import { test } from 'tap'
import type { Log, LogFields } from '../../src/observe/log.ts'
import { RatedLog } from '../../src/observe/rated-log.ts'
import { shortened } from '../../src/packet/text.ts'

const BOUNDS = { repeatsMax: 3, addressLinesMax: 10, eventLinesMax: 30 }

/** A log whose minutes pass when a test says so. */
class Diary {
  readonly lines: (LogFields & { readonly level: string; readonly sentence: string })[] = []
  readonly log: RatedLog
  hasRoom = true
  #now = 0

  constructor() {
    const put =
      (level: string) =>
      (fields: LogFields, sentence: string): void => {
        this.lines.push({ ...fields, level, sentence })
      }
    const log: Log = {
      debug: put('debug'),
      info: put('info'),
      warn: put('warn'),
      error: put('error'),
    }
    const now = (): number => this.#now
    this.log = new RatedLog(log, { bounds: BOUNDS, now, hasRoom: () => this.hasRoom })
  }

  refuses(clientId: string, address: string, cause = 'no right'): void {
    this.log.warn({ event: 'client.refused', clientId, address, cause }, 'refused')
  }

  passes({ seconds }: { readonly seconds: number }): void {
    for (let second = 0; second < seconds; second++) {
      this.#now += 1_000
      this.log.tick()
    }
  }

  /** What lines and their sums tell of. */
  get told(): number {
    return this.lines.reduce((sum, { more }) => sum + (typeof more === 'number' ? more : 1), 0)
  }
}

test('lines that tell the same are printed a few times, and summed up when the minute is over', async t => {
  const diary = new Diary()

  for (let count = 0; count < 12_003; count++) diary.refuses('alice', '192.0.2.1')
  t.equal(diary.lines.length, 3)
  diary.passes({ seconds: 59 })
  t.equal(diary.lines.length, 3)
  diary.passes({ seconds: 1 })

  t.match(diary.lines[3], {
    level: 'warn',
    event: 'client.refused',
    clientId: 'alice',
    address: '192.0.2.1',
    cause: 'no right',
    more: 12_000,
    sentence: 'refused: and 12,000 more like it in a minute',
  })
  diary.refuses('alice', '192.0.2.1')
  t.equal(diary.lines.length, 5)
})

test('a flood of one client hides neither another client nor another cause', async t => {
  const diary = new Diary()
  for (let count = 0; count < 1_000; count++) diary.refuses('alice', '192.0.2.1')

  diary.refuses('bob', '192.0.2.1')
  diary.refuses('alice', '192.0.2.1', 'wrong password')
  diary.refuses('alice', '192.0.2.2')

  t.equal(diary.lines.length, 6)
})

test('an address with a new name each time gets few lines, and hides no other address', async t => {
  const diary = new Diary()
  for (let count = 0; count < 1_000; count++) diary.refuses(`alice-${count}`, '192.0.2.1')
  t.equal(diary.lines.length, 10)

  diary.refuses('bob', '192.0.2.2')
  diary.passes({ seconds: 60 })

  t.match(diary.lines[10], { clientId: 'bob' })
  t.match(diary.lines[11], {
    address: '192.0.2.1',
    clientId: undefined,
    more: 990,
    sentence: 'refused: and 990 more from there in a minute',
  })
  t.equal(diary.told, 1_001)
})

test('a flood from everywhere is bounded by its event, and hides no other event', async t => {
  const diary = new Diary()
  for (let count = 0; count < 100_000; count++) diary.refuses(`client-${count}`, `address-${count}`)
  t.equal(diary.lines.length, 30)

  diary.log.warn({ event: 'tls.refused', address: '192.0.2.1', cause: 'no certificate' }, 'failed')
  t.equal(diary.lines.length, 31)
  diary.log.close()

  t.match(diary.lines[31], { event: 'client.refused', more: 99_970 })
  t.equal(diary.told, 100_001)
})

test('numbers of omitted lines wait while the log has no room, and none is lost', async t => {
  const diary = new Diary()
  for (let count = 0; count < 10; count++) diary.refuses('alice', '192.0.2.1')
  diary.hasRoom = false
  diary.passes({ seconds: 300 })
  for (let count = 0; count < 10; count++) diary.refuses('alice', '192.0.2.1')
  t.equal(diary.lines.length, 3)

  diary.hasRoom = true
  diary.passes({ seconds: 1 })

  t.equal(diary.told, 20)
})

test('drops of one client give one line a minute, which is made only when it is printed', async t => {
  const diary = new Diary()
  let made = 0
  const fieldsOf = (clientId: string, cause: string) => {
    made += 1
    return { fields: { event: 'message.dropped', clientId, cause }, sentence: 'message dropped' }
  }

  for (const clientId of ['alice', 'bob']) {
    for (let count = 0; count < 500; count++) diary.log.warnOnce(clientId, 'queue-full', fieldsOf)
  }
  diary.passes({ seconds: 60 })

  t.equal(made, 2)
  t.strictSame(
    diary.lines.map(({ clientId, more }) => [clientId, more]),
    [
      ['alice', undefined],
      ['bob', undefined],
      ['alice', 499],
      ['bob', 499],
    ],
  )
})

test('names are cut at a character, with their true length', async t => {
  const diary = new Diary()

  diary.log.debug({ event: 'client.subscribed', filter: 'é'.repeat(40_000) }, 'subscribed')
  diary.refuses('x'.repeat(65_535), '192.0.2.1', 'y'.repeat(65_535))

  const [first, second] = diary.lines
  t.match(first?.['filter'], /^é+…$/)
  t.match(second?.['clientId'], /^x+…$/)
  for (const line of [first, second]) t.ok(Buffer.byteLength(JSON.stringify(line)) < 1_024)
  for (const text of ['a', 'é', '€', '😀']) {
    for (let length = 250; length < 260; length++) {
      const cut = shortened(text.repeat(length), 256)
      t.ok(Buffer.byteLength(cut) <= 256 && !cut.includes('\ufffd'), `${text} ${length}`)
    }
  }
  t.equal(shortened('x'.repeat(256), 256), 'x'.repeat(256))
})

test('lines with the longest names are limited and counted like others', async t => {
  const diary = new Diary()
  const long = 'x'.repeat(65_000)
  for (let count = 0; count < 500; count++)
    diary.refuses(`${count}${long}`, `192.0.2.${count}`, long)

  t.equal(diary.lines.length, 30)
  diary.log.close()
  t.equal(diary.told, 500)
})
