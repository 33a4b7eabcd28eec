// Measures the broker's memory when clients fill it up to its limits. A real broker with a small heap is filled in one way after
// another. It must keep running and refuse in the end; then it is killed and must start again with the same heap.
// `npm run memory -- --heap 64,128 --only retained`. It takes minutes, so it is no part of `npm test`.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FILLINGS, type Filling } from './memory-fillings.ts'
import { MemoryClient } from './memory-client.ts'

const CLI = fileURLToPath(new URL('../bundle/command/pondhawk.js', import.meta.url))
const READY_MS = 120_000
/** The expected bound: Node itself, the two heaps with their young generations, and the buffers that the configuration allows. */
const BUFFERS_MEBIBYTES = 128
const OWN_MEBIBYTES = 200

const { values } = parseArgs({
  options: {
    heap: { type: 'string', default: '64,128,256' },
    only: { type: 'string', default: '' },
    store: { type: 'string', default: 'os,memory' },
    port: { type: 'string', default: '27500' },
    'web-port': { type: 'string', default: '27501' },
  },
})
const port = Number(values.port)
const webPort = Number(values['web-port'])

class Running {
  readonly #child: ChildProcess
  #output = ''
  hasEnded = false

  constructor(directory: string, heapMebibytes: number) {
    const flag = `--max-old-space-size=${heapMebibytes}`
    this.#child = spawn(process.execPath, [flag, CLI, 'start', '-c', join(directory, 'c.json')], {
      cwd: directory,
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-20_000)
      })
    }
    this.#child.once('exit', () => {
      this.hasEnded = true
    })
  }

  async ready(): Promise<boolean> {
    const until = Date.now() + READY_MS
    while (!this.hasEnded && Date.now() < until) {
      if (this.#output.includes('broker.ready')) return true
      await sleep(50)
    }
    return false
  }

  get rssMebibytes(): number {
    if (this.hasEnded) return 0
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024)
  }

  get lastWords(): string {
    return this.#output.split('\n').slice(-12).join('\n')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    while (!this.hasEnded) await sleep(20)
  }
}

interface Outcome {
  readonly name: string
  readonly heap: number
  readonly store: string
  readonly made: number
  readonly refusals: number
  readonly rss: number
  readonly rssOfNext: number
  readonly fault: string
}

async function tried(filling: Filling, heap: number, store: string): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-memory-'))
  const listeners = [{ port }, { protocol: 'ws', port: webPort }]
  const config = {
    listeners,
    log: { level: 'warn', format: 'json' },
    limits: { keptBufferBytesMax: BUFFERS_MEBIBYTES * 1_048_576, ...filling.limits },
    store: { durability: store, directory: join(directory, 'store') },
  }
  config.log.level = 'info'
  writeFileSync(join(directory, 'c.json'), JSON.stringify(config))
  let broker = new Running(directory, heap)
  const outcome = { name: filling.name, heap, store, made: 0, refusals: 0, rss: 0, rssOfNext: 0 }
  try {
    if (!(await broker.ready())) return { ...outcome, fault: `no start: ${broker.lastWords}` }
    const made = await filling.fill(port, () => broker.hasEnded)
    if (broker.hasEnded) return { ...outcome, made, fault: `ended: ${broker.lastWords}` }
    const refusals = await refusalsOf()
    const rss = broker.rssMebibytes
    await broker.kill()
    broker = new Running(directory, heap)
    const isUp = await broker.ready()
    const filled = { ...outcome, made, refusals, rss, rssOfNext: broker.rssMebibytes }
    if (!isUp) return { ...filled, fault: `no second start: ${broker.lastWords}` }
    return { ...filled, fault: await faultAfterwards(filled) }
  } finally {
    await broker.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Checks that the broker serves clients that were connected before, and that its memory is within the bound. */
async function faultAfterwards({ heap, rss, rssOfNext }: Omit<Outcome, 'fault'>): Promise<string> {
  const rssMax = 2 * heap + BUFFERS_MEBIBYTES + OWN_MEBIBYTES
  if (Math.max(rss, rssOfNext) > rssMax) return `more than ${rssMax} MiB`
  const client = new MemoryClient(port)
  const greeting = await client.connects('first', { isLasting: true })
  client.ends()
  return greeting === 0 ? '' : `CONNECT is answered with ${greeting}`
}

function refusalsOf(): Promise<number> {
  return new Promise(resolve => {
    get({ port: webPort, path: '/api/v1/status' }, response => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => {
        const status: { keptRefusals: number; publishesRefused: number } = JSON.parse(text)
        resolve(status.keptRefusals + status.publishesRefused)
      })
    }).on('error', () => resolve(-1))
  })
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

let faults = 0
for (const heap of values.heap.split(',').map(Number)) {
  for (const store of values.store.split(',')) {
    for (const filling of FILLINGS.filter(({ name }) => name.includes(values.only))) {
      const { fault, ...figures } = await tried(filling, heap, store)
      if (fault !== '') faults += 1
      console.log(JSON.stringify(figures), fault === '' ? 'ok' : `FAULT ${fault}`)
    }
  }
}
process.exit(faults === 0 ? 0 : 1)
