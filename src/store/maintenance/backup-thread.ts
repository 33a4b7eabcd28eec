// Makes one backup in a thread of its own, because it reads and writes the whole store.

import { parentPort, workerData } from 'node:worker_threads'
import { backUp } from './backup.ts'

interface Setup {
  readonly from: string
  readonly to: string
}

const { from, to } = workerData as Setup
backUp(from, to)
parentPort?.postMessage('done')
