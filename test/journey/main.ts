// `npm run journey`: prints the path of one PUBLISH and that of one PUBACK, call by call, with totals.

import { type Journey, publishJourney, pubackJourney } from './publish-journey.ts'

const publish = await publishJourney()
const puback = await pubackJourney()
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ publish, puback }))
} else {
  print('PUBLISH', publish)
  print('PUBACK', puback)
}

function print(packet: string, { calls, files, moves }: Journey): void {
  for (const { file, name, depth } of calls) {
    console.log(`${'  '.repeat(depth - 1)}${name}  ${file}`)
  }
  console.log(
    `${packet}: ${calls.length} calls, ${files.length} files, ${moves} moves between files`,
  )
}
