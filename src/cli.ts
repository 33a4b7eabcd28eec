#!/usr/bin/env node
// The `pondhawk` command.

import { run } from './cli/run.ts'
import { VERSION } from './observe/version.ts'

const status = await run(process.argv.slice(2), VERSION)
if (status !== null) process.exitCode = status
