// The broker's side of the hash thread: a bounded queue, fair among addresses. The thread starts with the first password, and
// is restarted if it ends.

import { Worker } from 'node:worker_threads'
import { FairQueue } from '../fair-queue.ts'
import type { HashOrder, HashReport } from './hash-thread.ts'

/** The most waiting passwords. About ten are hashed per second. */
const HASHES_QUEUED_MAX = 256

type HashAnswer = 'matches' | 'differs' | 'busy' | 'failed'

interface Task {
  readonly order: HashOrder
  readonly settle: (answer: HashAnswer) => void
}

export class HashWorker {
  readonly #queue: FairQueue<Task>
  #worker: Worker | null = null
  #current: Task | null = null
  #isClosed = false
  /** The number of computed hashes, and of passwords that were refused because the queue was full. */
  hashed = 0
  refused = 0

  constructor(queuedMax: number = HASHES_QUEUED_MAX) {
    this.#queue = new FairQueue(queuedMax)
  }

  get queued(): number {
    return this.#queue.size
  }

  /** The queue is fair among senders. */
  verify(written: string, password: Uint8Array, sender: string): Promise<HashAnswer> {
    return new Promise(settle => {
      const task = { order: { written, password: Uint8Array.from(password) }, settle }
      if (this.#isClosed) settle('failed')
      else if (this.#current === null) this.#begin(task)
      else this.#refuse(this.#queue.add(sender, task))
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    this.#failAll()
    await worker?.terminate()
  }

  #refuse(task: Task | null): void {
    if (task === null) return
    this.refused++
    task.settle('busy')
  }

  #begin(task: Task): void {
    this.#current = task
    this.#worker ??= this.#started()
    // The thread keeps the process alive only while it computes a hash.
    this.#worker.ref()
    this.#worker.postMessage(task.order)
  }

  #started(): Worker {
    // The TypeScript source runs directly if Node can strip types.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./hash-thread.${extension}`, import.meta.url))
    const ended = (): void => {
      if (this.#worker === worker) this.#failAll()
    }
    worker.on('message', (report: HashReport) => this.#hear(report))
    worker.on('error', ended)
    worker.on('exit', ended)
    return worker
  }

  #hear({ matches }: HashReport): void {
    const task = this.#current
    this.#current = null
    this.hashed++
    const next = this.#queue.take()
    if (next === null) this.#worker?.unref()
    else this.#begin(next)
    if (matches === null) task?.settle('failed')
    else task?.settle(matches ? 'matches' : 'differs')
  }

  #failAll(): void {
    this.#worker = null
    this.#current?.settle('failed')
    this.#current = null
    for (let task = this.#queue.take(); task !== null; task = this.#queue.take()) {
      task.settle('failed')
    }
  }
}
