#!/usr/bin/env node
// The `pondhawk` command. What a client of MQTT does not need is not loaded for one: that takes longer than to publish a message.

import { runClient } from './cli/client/run-client.ts'
import { keepCompiled } from './cli/compile-cache.ts'
import type { run } from './cli/run.ts'
import { VERSION } from './observe/version.ts'

const args = process.argv.slice(2)
const status = (await runClient(args)) ?? (await everythingElse())
if (status !== null) process.exitCode = status

async function everythingElse(): Promise<number | null> {
  keepCompiled(process.env)
  const module: { readonly run: typeof run } = await import('./cli/run.ts')
  return module.run(args, VERSION)
}
