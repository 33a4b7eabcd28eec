import type { IncomingMessage } from 'node:http'
import { test } from 'tap'
import { type OriginRules, WebOrigins } from '../../src/transport/web-origin.ts'

interface Case {
  readonly origin: string
  readonly host: string
  readonly rules?: OriginRules
  readonly forwarded?: string
  readonly from?: string
  readonly may: boolean
}

const NAMED = { hosts: ['broker.local'] }
const PROXIED = { ...NAMED, proxyTrusted: ['10.0.0.0/8'] }

const CASES: readonly Case[] = [
  { origin: 'http://evil.example', host: 'evil.example', may: false },
  { origin: 'http://evil.example', host: '192.168.1.5:8083', may: false },
  { origin: 'http://localhost:3000', host: 'localhost:8083', may: true },
  { origin: 'https://[::1]', host: 'x', may: true },
  { origin: 'http://192.168.1.5:8083', host: '192.168.1.5:8083', may: true },
  { origin: 'http://192.168.1.5', host: '192.168.1.5:80', may: true },
  { origin: 'https://192.168.1.5', host: '192.168.1.5:443', may: true },
  { origin: 'https://192.168.1.5:443', host: '192.168.1.5', may: true },
  { origin: 'http://192.168.1.5', host: '192.168.1.5:8083', may: false },
  { origin: 'http://broker.local:8083', host: 'broker.local:8083', may: false },
  { origin: 'http://broker.local:8083', host: 'broker.local:8083', rules: NAMED, may: true },
  { origin: 'http://BROKER.local:8083', host: 'Broker.Local:8083', rules: NAMED, may: true },
  { origin: 'http://broker.local:8083', host: 'other.local:8083', rules: NAMED, may: false },
  {
    origin: 'https://broker.local',
    host: 'inner:8083',
    rules: PROXIED,
    forwarded: 'broker.local',
    from: '10.1.2.3',
    may: true,
  },
  {
    origin: 'https://broker.local',
    host: 'inner:8083',
    rules: PROXIED,
    forwarded: 'broker.local',
    from: '192.0.2.1',
    may: false,
  },
  {
    origin: 'https://broker.local',
    host: 'inner:8083',
    rules: NAMED,
    forwarded: 'broker.local',
    from: '10.1.2.3',
    may: false,
  },
  { origin: 'http://evil.example', host: 'x', rules: { origins: ['*'] }, may: true },
  {
    origin: 'http://app.example',
    host: 'x',
    rules: { origins: ['http://app.example'] },
    may: true,
  },
  { origin: 'null', host: '127.0.0.1:8083', may: false },
]

for (const { origin, host, rules = {}, forwarded, from = '192.0.2.1', may } of CASES) {
  test(`the origin ${origin} ${may ? 'may' : 'may not'} come to ${host} from ${from}, ${JSON.stringify(rules)}`, async t => {
    const headers = { host, ...(forwarded === undefined ? {} : { 'x-forwarded-host': forwarded }) }
    const request = { headers, socket: { remoteAddress: from } } as unknown as IncomingMessage

    t.equal(new WebOrigins(rules).allows(origin, request), may)
  })
}
