// Prints docs/reference/mosquitto-conf.md from the table of options: `npm run reference`.

import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CONF_OPTIONS, type ConfOption, type Outcome } from './conf-options.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

const TITLES: Readonly<Record<Outcome, string>> = {
  becomes: 'Becomes a key of the configuration',
  instead: 'Has no meaning here: a start says what is done instead',
  refuses: 'Refuses to start: to ignore it would be less safe, or lose messages',
}

export function optionsPage(): string {
  return [
    '# Options of mosquitto.conf',
    '',
    `What becomes of each of the ${CONF_OPTIONS.length} options of mosquitto 2.0 and 2.1: [move from mosquitto](../how-to/move-from-mosquitto.md).`,
    'This page is printed from the table of options by `npm run reference`.',
    '',
    ...sectionOf('becomes'),
    ...sectionOf('instead'),
    ...sectionOf('refuses'),
  ].join('\n')
}

function sectionOf(wanted: Outcome): readonly string[] {
  const found = CONF_OPTIONS.filter(({ outcome }) => outcome === wanted)
  const rows = found.sort((one, other) => (one.name < other.name ? -1 : 1)).map(rowOf)
  return [`## ${TITLES[wanted]}`, '', '| option | here |', '| --- | --- |', ...rows, '']
}

function rowOf({ name, text }: ConfOption): string {
  return `| \`${name}\` | ${text.replaceAll('|', '\\|').replaceAll('*.pem', '\\*.pem')} |`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, 'docs/reference/mosquitto-conf.md'), optionsPage())
}
