// The bytes of every kind of change, as the version before decision 26 wrote them: a kind keeps them for ever.

import { test } from 'tap'
import { Writer } from '../../src/packet/writer.ts'
import { ByteReader } from '../../src/store/bytes.ts'
import { readChange, writeByRow, writeChange } from '../../src/store/change-codec.ts'
import { type Change, CHANGE_KINDS } from '../../src/store/change.ts'

const SESSION = { kind: 'session', clientId: 'bob' } as const
const GROUP = { kind: 'group', shareName: 'g', topicFilter: 'jobs/#' } as const
const QUEUE = { kind: 'queue', name: 'jobs' } as const
const FILTERED_GROUP = {
  kind: 'group',
  shareName: 'g',
  topicFilter: 'a/+',
  where: 'a = 1',
} as const
const SUBSCRIPTION = {
  filter: 'a/+',
  topicFilter: 'a/+',
  shareName: null,
  qos: 1,
  noLocal: true,
  retainAsPublished: false,
  retainHandling: 0,
  identifier: 0,
} as const
const SHARED = {
  filter: '$share/g/jobs/#',
  topicFilter: 'jobs/#',
  shareName: 'g',
  qos: 2,
  noLocal: false,
  retainAsPublished: true,
  retainHandling: 2,
  identifier: 268_435_455,
  strategy: 'least-in-flight',
  weight: 3,
} as const
const WILL = {
  topic: 'w',
  payload: Buffer.from('gone'),
  qos: 1,
  retain: true,
  properties: { willDelayInterval: 5, userProperties: [['a', 'b']] },
} as const
const MESSAGE = {
  topic: 't/1',
  payload: Buffer.from([0, 255]),
  qos: 2,
  retain: true,
  publisher: 'alice',
  properties: { contentType: 'x', correlationData: Buffer.from('c') },
  expiresAt: 123_456_789_012,
  sequence: 4_294_967_297,
} as const

const BYTES: readonly (readonly [hex: string, Change])[] = [
  [
    '010003626f62ffffffff',
    { kind: 'session-opened', clientId: 'bob', expiryIntervalSeconds: 4_294_967_295 },
  ],
  ['020003626f620000003c', { kind: 'session-resumed', clientId: 'bob', expiryIntervalSeconds: 60 }],
  [
    '180003626f620100047a6fc3ab000831302e302e302e31000870617373776f7264',
    {
      kind: 'identified',
      clientId: 'bob',
      identity: {
        clientId: 'bob',
        username: 'zoë',
        address: '10.0.0.1',
        authentication: 'password',
      },
    },
  ],
  [
    '180003626f6200000000046e6f6e65',
    {
      kind: 'identified',
      clientId: 'bob',
      identity: { clientId: 'bob', username: null, address: '', authentication: 'none' },
    },
  ],
  ['030003626f627ff0000000000000', { kind: 'session-left', clientId: 'bob', expiresAt: Infinity }],
  ['0400047a6fc3ab', { kind: 'session-ended', clientId: 'zoë' }],
  [
    '050003626f621500017700000004676f6e65300000000100016100016200000005',
    { kind: 'will-set', clientId: 'bob', will: WILL },
  ],
  ['060003626f62', { kind: 'will-cleared', clientId: 'bob' }],
  ['070003626f623ff8000000000000', { kind: 'will-delayed', clientId: 'bob', at: 1.5 }],
  [
    '080003626f620003612f2b0003612f2b00090000000000000000',
    { kind: 'subscribed', clientId: 'bob', subscription: SUBSCRIPTION },
  ],
  [
    '080003626f62000f2473686172652f672f6a6f62732f2300066a6f62732f2301000167260fffffff000f6c656173742d696e2d666c696768740003',
    { kind: 'subscribed', clientId: 'bob', subscription: SHARED },
  ],
  [
    '2a0003626f620003612f2b000561203d2031',
    { kind: 'filtered', clientId: 'bob', filter: 'a/+', where: 'a = 1' },
  ],
  [
    '500003626f620003612f2b000001f4',
    { kind: 'conflated', clientId: 'bob', filter: 'a/+', milliseconds: 500 },
  ],
  ['3c0003626f620003612f2b', { kind: 'transactional', clientId: 'bob', filter: 'a/+' }],
  ['090003626f620003612f2b', { kind: 'unsubscribed', clientId: 'bob', filter: 'a/+' }],
  [
    '0a0000002c0000018d3e00000001000000010003742f310000000200ff0005616c6963650a0001780000000163423cbe991a140000',
    { kind: 'message-stored', message: MESSAGE },
  ],
  [
    '0b000000010000000200000000000000030500090002000000070fffffff000003626f62',
    {
      kind: 'queued',
      delivery: 4_294_967_298,
      owner: SESSION,
      sequence: 3,
      qos: 1,
      retain: true,
      identifiers: [7, 268_435_455],
      packetId: 9,
    },
  ],
  [
    '0b0000000000000002000000000000000302000000000100016700066a6f62732f23',
    {
      kind: 'queued',
      delivery: 2,
      owner: GROUP,
      sequence: 3,
      qos: 2,
      retain: false,
      identifiers: [],
      packetId: 0,
    },
  ],
  [
    '0c0000000000000001ffff06000003626f620000',
    {
      kind: 'sent',
      delivery: 1,
      owner: SESSION,
      clientId: 'bob',
      packetId: 65_535,
      qos: 2,
      retain: true,
      identifiers: [],
    },
  ],
  [
    '1700000000000000020001010100016700066a6f62732f230003626f62000100000005',
    {
      kind: 'sent',
      delivery: 2,
      owner: GROUP,
      clientId: 'bob',
      packetId: 1,
      qos: 1,
      retain: false,
      identifiers: [5],
    },
  ],
  [
    '0d00000000000000020003626f620100016700066a6f62732f23',
    { kind: 'returned', delivery: 2, clientId: 'bob', owner: GROUP },
  ],
  ['0e00000000000000010003626f62', { kind: 'received', delivery: 1, clientId: 'bob' }],
  ['0f0000000000000001000003626f62', { kind: 'settled', delivery: 1, owner: SESSION }],
  ['0f00000000000000020100016700066a6f62732f23', { kind: 'settled', delivery: 2, owner: GROUP }],
  [
    '0f0000000000000002030001670003612f2b000561203d2031',
    { kind: 'settled', delivery: 2, owner: FILTERED_GROUP },
  ],
  [
    '28000000000000000441d26580b48000000003626f62',
    { kind: 'held', sequence: 4, due: 1_234_567_890, key: 'bob' },
  ],
  [
    '3f0003626f6200016d41d26580b4800000',
    { kind: 'message-identified', clientId: 'bob', id: 'm', at: 1_234_567_890 },
  ],
  [
    '3d00000000000000020200046a6f62730003626f620003742e31',
    { kind: 'locked', delivery: 2, owner: QUEUE, clientId: 'bob', transaction: 't.1' },
  ],
  ['3e00000000000000020200046a6f6273', { kind: 'unlocked', delivery: 2, owner: QUEUE }],
  ['400003626f6200016d', { kind: 'message-id-forgotten', clientId: 'bob', id: 'm' }],
  ['290000000000000004', { kind: 'released', sequence: 4 }],
  [
    '320003626f6200016e0000000000000007000300000000000000050141d26580b4800000',
    {
      kind: 'decided',
      clientId: 'bob',
      name: 'n',
      number: 7,
      count: 3,
      checksum: 5,
      outcome: 'committed',
      at: 1_234_567_890,
      dropped: null,
    },
  ],
  [
    '340003626f6200016e0000000000000007000300000000000000050141d26580b48000000000000000000006',
    {
      kind: 'decided',
      clientId: 'bob',
      name: 'n',
      number: 7,
      count: 3,
      checksum: 5,
      outcome: 'committed',
      at: 1_234_567_890,
      dropped: 6,
    },
  ],
  [
    '330003626f6200016e0000000000000007',
    { kind: 'decision-dropped', clientId: 'bob', name: 'n', number: 7 },
  ],
  ['100003626f62004d', { kind: 'incoming-opened', clientId: 'bob', packetId: 77 }],
  ['110003626f62004d', { kind: 'incoming-released', clientId: 'bob', packetId: 77 }],
  ['1200000000000000040003722f31', { kind: 'retained-set', topic: 'r/1', sequence: 4 }],
  ['130003722f31', { kind: 'retained-cleared', topic: 'r/1' }],
  ['140100016700066a6f62732f23', { kind: 'group-ended', owner: GROUP }],
  [
    '150003626f620003612f2b0000040000000000',
    { kind: 'replay-begun', clientId: 'bob', filter: 'a/+', sequenceMax: 4_398_046_511_104 },
  ],
  ['0f00000000000000020200046a6f6273', { kind: 'settled', delivery: 2, owner: QUEUE }],
  ['1900046a6f627300027b7d', { kind: 'queue-set', name: 'jobs', settings: '{}' }],
  ['1a00046a6f6273', { kind: 'queue-ended', name: 'jobs' }],
  [
    '1b00000000000000020200046a6f62730200046a6f627300000000000000090010000765787069726564',
    {
      kind: 'moved',
      delivery: 2,
      owner: QUEUE,
      to: QUEUE,
      moved: 9,
      handOuts: 16,
      reason: 'expired',
    },
  ],
  [
    '5a00050000ffff00000001000000000000002a',
    { kind: 'partition-reached', partition: 5, log: 0xffff_0000_0001, number: 42 },
  ],
  [
    '0b000000000000000900000000000000070100000000040003',
    {
      kind: 'queued',
      delivery: 9,
      sequence: 7,
      qos: 1,
      retain: false,
      packetId: 0,
      identifiers: [],
      owner: { kind: 'partition', partition: 3 },
    },
  ],
  ['160003626f620003612f2b', { kind: 'replayed', clientId: 'bob', filter: 'a/+' }],
]

for (const [hex, change] of BYTES) {
  test(`${change.kind} has the bytes that it always had: ${hex}`, async t => {
    t.equal(bytesOf(change, writeChange), hex)
    t.equal(bytesOf(change, writeByRow), hex)
    const reader = new ByteReader(Buffer.from(hex, 'hex'))
    t.strictSame(readChange(reader), change)
    t.equal(reader.position, hex.length / 2)
  })
}

test('no kind of change is left out here', async t => {
  t.strictSame(new Set(BYTES.map(([, { kind }]) => kind)), new Set(Object.keys(CHANGE_KINDS)))
})

function bytesOf(change: Change, write: (writer: Writer, change: Change) => void): string {
  const writer = new Writer()
  write(writer, change)
  return writer.bytes.subarray(0, writer.length).toString('hex')
}
