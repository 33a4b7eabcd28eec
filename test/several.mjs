// Runs a test file and those named in OTHER_TEST_FILES in one process, one after the other: tap runs their tests in this order.
// Only the first is an argument, because tap makes the name of the directory of a test from the arguments.

import { pathToFileURL } from 'node:url'

const files = [process.argv[2], ...process.env.OTHER_TEST_FILES.split('\n')]
delete process.env.OTHER_TEST_FILES
for (const file of files) await import(pathToFileURL(file).href)
