// `npm run journey`: prints the path of one PUBLISH, call by call, with totals.

import { publishJourney } from './publish-journey.ts'

const { calls, files, moves } = await publishJourney()
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ calls, files, moves }))
} else {
  for (const { file, name, depth } of calls) {
    console.log(`${'  '.repeat(depth - 1)}${name}  ${file}`)
  }
  console.log(`${calls.length} calls, ${files.length} files, ${moves} moves between files`)
}
