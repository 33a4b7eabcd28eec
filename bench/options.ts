// The arguments of `npm run bench`.

import { parseArgs } from 'node:util'

export interface BenchOptions {
  readonly isQuick: boolean
  readonly isCurves: boolean
  readonly isDocs: boolean
  readonly isRouting: boolean
  /** The names of scenarios or curves; empty for all. */
  readonly only: readonly string[]
  /** The names of brokers; empty for all. */
  readonly brokers: readonly string[]
  readonly repetitions: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly brokerCpus: string
  readonly generatorCpus: string
  readonly profileDirectory: string | null
}

export const HELP = `npm run bench -- [OPTIONS]

  --quick               fewer scenarios, once and short: under two minutes
  --curves              cost against size, instead of the scenarios
  --routing             the router alone, without a broker: memory and time of filters and matches
  --docs                no run: write table and pictures of the stored results into the documentation
  --only NAME,...       only these scenarios or curves
  --brokers NAME,...    only these brokers
  --repetitions N       runs of each scenario and broker, in turn (default 3)
  --seconds N           measured time of a run (default 3)
  --warm-up N           time before it (default 1.5): engines translate code while it is used, which counts where little was done
  --cpus N,N            CPUs of the broker and of the generator, as taskset reads them (default 0,1; 0-1,0-1: every CPU of two)
  --profile DIRECTORY   CPU profiles of our broker, written when it ends

  PEER="name=command {port}; ..." in the environment adds brokers. {port} is the port to listen on at 127.0.0.1.
  --brokers restricted is Pondhawk with rules by which each delivery is checked; with BEFORE, before-restricted is the same of the build before.
  --brokers front-ends is Pondhawk with two front ends; the note says how much of the CPU is theirs.
  NATS=nats://HOST:PORT adds the broker jetstream, where it is named: Pondhawk with its log in a stream of that server.
  BEFORE=DIRECTORY adds another build of Pondhawk, made there by \`npm run build\`: the version before, in interleaved pairs.
`

/** Returns null when the arguments ask for help. */
export function optionsOf(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      curves: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
      routing: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      brokers: { type: 'string', default: '' },
      repetitions: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      cpus: { type: 'string', default: '0,1' },
      profile: { type: 'string' },
    },
  })
  if (values.help) return null
  const { quick: isQuick, curves: isCurves } = values
  const seconds = Number(values.seconds ?? (isQuick ? 0.8 : 3))
  const [brokerCpus = '0', generatorCpus = '1'] = names(values.cpus)
  return {
    isQuick,
    isCurves,
    isDocs: values.docs,
    isRouting: values.routing,
    only: names(values.only),
    brokers: names(values.brokers),
    repetitions: Number(values.repetitions ?? (isQuick || isCurves ? 1 : 3)),
    seconds,
    warmUpSeconds: Number(values['warm-up'] ?? (isQuick ? 0.7 : 1.5)),
    brokerCpus,
    generatorCpus,
    profileDirectory: values.profile ?? null,
  }
}

function names(list: string): readonly string[] {
  return list.split(',').filter(name => name !== '')
}
