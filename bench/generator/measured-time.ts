// The CPU time of broker and generator between two moments.

import { cpuSeconds, peakRssBytes, processTree } from '../process-tree.ts'

export interface Usage {
  readonly seconds: number
  readonly brokerCpuSeconds: number
  readonly childrenCpuSeconds: number
  readonly generatorCpuSeconds: number
}

export class MeasuredTime {
  readonly #tree: readonly number[]
  #startedAt = 0
  #brokerBefore = 0
  #childrenBefore = 0
  #generatorBefore: NodeJS.CpuUsage = process.cpuUsage()

  constructor(brokerPid: number) {
    this.#tree = processTree(brokerPid)
  }

  begin(): void {
    this.#generatorBefore = process.cpuUsage()
    this.#brokerBefore = cpuSeconds(this.#tree)
    this.#childrenBefore = cpuSeconds(this.#tree.slice(1))
    this.#startedAt = performance.now()
  }

  end(): Usage {
    const seconds = (performance.now() - this.#startedAt) / 1_000
    const brokerCpuSeconds = cpuSeconds(this.#tree) - this.#brokerBefore
    const childrenCpuSeconds = cpuSeconds(this.#tree.slice(1)) - this.#childrenBefore
    const { user, system } = process.cpuUsage(this.#generatorBefore)
    const generatorCpuSeconds = (user + system) / 1_000_000
    return { seconds, brokerCpuSeconds, childrenCpuSeconds, generatorCpuSeconds }
  }

  get peakRssBytes(): number {
    return peakRssBytes(this.#tree)
  }
}

export function pause(seconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, seconds * 1_000))
}
