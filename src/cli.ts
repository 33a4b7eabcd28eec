#!/usr/bin/env node
// The `pondhawk` command.

import { readFileSync } from 'node:fs'
import { run } from './cli/run.ts'

const manifest = new URL('../../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
const status = await run(process.argv.slice(2), version)
if (status !== null) process.exitCode = status
