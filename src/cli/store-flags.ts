// The flags of all commands that need the store of a broker, or its admin socket.

import type { Flag } from './commands.ts'

export const CONFIG: Flag = {
  name: 'config',
  short: 'c',
  type: 'string',
  value: 'FILE',
  help: 'configuration in YAML or JSON, or of mosquitto (default: ./pondhawk.yaml, if it is there)',
}

export const JSON_WHOLE: Flag = { name: 'json', type: 'boolean', help: 'print JSON' }

export const JSON_LINES: Flag = {
  name: 'json',
  type: 'boolean',
  help: 'print one JSON object per line',
}

export const DATA: Flag = {
  name: 'data',
  type: 'string',
  value: 'DIR',
  help: 'directory of the store (default: ./pondhawk-data)',
}
